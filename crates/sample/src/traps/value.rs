//! The values that go wrong somewhere, in PostgreSQL's input syntax.

/// Texts that break quoting, escaping, spreadsheets, terminals and assumptions about scripts.
pub const TEXTS: &[&str] = &[
    "",
    " ",
    "  blanks before and after  ",
    "NULL",
    "\\N",
    "\\.",
    "\\",
    "C:\\temp\\new\\table",
    "first line\nsecond line\n\nfourth line\n",
    "Windows lines\r\nend like this\r\n",
    "a lone carriage\rreturn",
    "a tab\tinside",
    "\ta tab first",
    "\ra carriage return first",
    "\na line feed first",
    "=1+1",
    "=HYPERLINK(\"https://phish.example/?\"&A1;\"invoice\")",
    "+49 30 23125 042",
    "-2+3",
    "@SUM(A1:A9)",
    "＝1＋1",
    "|cmd",
    "He said \"yes\", then 'no'",
    "\"",
    "'",
    "\"\"",
    "commas, semicolons; and | pipes",
    "'; DROP TABLE users; --",
    "{\"looks\": \"like json\"}",
    "{a,b}",
    "<script>alert(1)</script> &amp; &nbsp;",
    "1e5",
    "007",
    "true",
    "שלום, מה שלומך?",
    "مرحبا، الطلب رقم 123 وصل",
    "注文は届きました。ありがとうございます。",
    "Ваш заказ отправлен",
    "आपका ऑर्डर भेज दिया गया है",
    "Grüße aus Łódź, Ísland und İstanbul",
    "Cafe\u{301} is not Café byte by byte",
    "👩‍👩‍👧‍👦 🇪🇺 👍🏽 𠜎",
    "invoice\u{202e}fdp.exe",
    "\u{feff}byte order mark first",
    "line\u{2028}and paragraph\u{2029}separators",
    "zero\u{200b}width and no\u{a0}break spaces",
    "controls \u{1}\u{8}\u{b}\u{c}\u{1b}[31m\u{7f}\u{85}",
    "ends with a backslash \\",
];

/// Names of people that programs refuse or mistake.
pub const NAMES: &[&str] = &[
    "O'Brien",
    "Null",
    "Müller-Lüdenscheidt",
    "李 小龍",
    "محمد بن سلمان",
    "=Smith",
    "Björk \"Bee\" Guðmundsdóttir",
    "D’Arcy, Jr.",
    "X",
];

/// Local parts of e-mail addresses that are legal and surprising; `#` stands for a number that makes them unique.
pub const EMAIL_LOCALS: &[&str] =
    &["Mara.FUCHS#", "sam+spam#", "jörg#", "\"odd name\"#", "o'neil#", "=mail#"];

/// Texts of a column with a limited length (12 characters).
pub const LOCALES: &[&str] = &["zh-Hant-HK-x", "de-1996", "x"];

/// Arrays of texts.
pub const TEXT_ARRAYS: &[&str] = &[
    "{}",
    "{NULL}",
    "{\"\"}",
    "{\"NULL\",NULL,\"null\"}",
    "{\"a,b\",\"c\\\"d\",\"e\\\\f\",\"{g}\",\" h \"}",
    "{\"two\nlines\",\"a\ttab\",\"=1+1\",日本,\"\\\\N\"}",
    "{{a,b},{c,d}}",
    "[0:1]={zero,one}",
];

/// Arrays of integers.
pub const INTEGER_ARRAYS: &[&str] =
    &["{}", "{0,-2147483648,2147483647}", "{1,NULL,3}", "{NULL}", "{{1,2},{3,4}}", "[-1:1]={7,8,9}"];

/// Floating point numbers of double precision.
pub const DOUBLES: &[&str] = &[
    "NaN",
    "Infinity",
    "-Infinity",
    "-0",
    "0.1",
    "0.30000000000000004",
    "5e-324",
    "1.7976931348623157e+308",
    "1e+15",
    "1e-07",
    "9007199254740993",
];

/// Floating point numbers of single precision.
pub const REALS: &[&str] = &["NaN", "0.1", "3.4028235e+38", "1e-45", "-Infinity"];

/// Numbers of any precision.
pub const NUMERICS: &[&str] = &[
    "NaN",
    "Infinity",
    "-Infinity",
    "0",
    "0.000000000000000000000000000001",
    "99999999999999999999999999999999999999.999999999999999999",
    "-12345678901234567890.10",
    "1.10",
    "0.00",
    "18446744073709551616",
];

/// Numbers of the type `bigint`.
pub const BIGINTS: &[&str] = &["0", "9223372036854775807", "-9223372036854775808", "9007199254740993"];

/// Numbers of the type `smallint`.
pub const SMALLINTS: &[&str] = &["0", "32767", "-32768"];

/// Documents of type `json`, which the server keeps byte for byte.
pub const JSONS: &[&str] = &[
    "{\n\t\"browser\": \"Firefox\",\r\n  \"tabs\" : [ 1,\n 2 ]\n}",
    "{\"a\": 1, \"a\": 2}",
    "null",
    "\"only a text\"",
    "[]",
    "{\"much\": 1e400, \"exact\": 0.10, \"big\": 12345678901234567890123}",
    "{\"escapes\": \"\\u0041\\u00e9\\/\\\\\\\"\\ud83d\\ude00\"}",
    "{\"zero byte\": \"\\u0000\"}",
    "  false  ",
];

/// Documents of type `jsonb`.
pub const JSONBS: &[&str] = &[
    "null",
    "{}",
    "[]",
    "false",
    "0",
    "\"\"",
    "\"=1+1\"",
    "{\"\": \"empty key\", \"a.b\": 1, \"ключ\": \"значение\"}",
    "{\"exact\": 12345678901234567890.123456789012345678, \"trailing\": 1.10}",
    "{\"deep\": [[[{\"a\": [null, true, \"two\\nlines\"]}]]]}",
    "{\"mention\": {\"email\": \"someone@customer.example\"}}",
];

/// Spans of time.
pub const INTERVALS: &[&str] = &[
    "00:00:00",
    "1 mon",
    "-2 days",
    "1 year 2 mons 3 days 04:05:06.789",
    "-00:00:00.000001",
    "1 day -00:30:00",
    "1000 years",
];

/// Times of day. The type allows the end of the day.
pub const TIMES: &[&str] = &["00:00:00", "23:59:59.999999", "24:00:00", "00:00:00.000001", "09:30:00"];

/// Days.
pub const DATES: &[&str] = &["infinity", "2024-02-29", "0001-01-01", "9999-12-31", "1900-02-28"];

/// Times without a zone; two of them do not exist or exist twice in Berlin.
pub const TIMESTAMPS: &[&str] = &[
    "2024-03-31 02:30:00",
    "2024-10-27 02:30:00",
    "1969-12-31 23:59:59.999999",
    "infinity",
    "2024-02-29 12:00:00.1",
];

/// Times with a zone.
pub const TIMESTAMPTZS: &[&str] = &[
    "1969-07-20 20:17:40+00",
    "2024-03-31 01:00:00+00",
    "9999-12-31 23:59:59.999999+00",
    "infinity",
    "2024-02-29 23:59:59.000001-12",
];

/// Network addresses.
pub const INETS: &[&str] =
    &["192.0.2.1", "10.0.0.0/8", "2001:db8::1", "::ffff:192.0.2.128", "2001:db8::/32", "0.0.0.0"];

/// Strings of bytes: none, a zero, `\N`, and a JPEG's head.
pub const BYTEAS: &[&str] = &["\\x", "\\x00", "\\x5c4e", "\\xffd8ffe000104a464946"];

/// Keys of an object store.
pub const STORAGE_KEYS: &[&str] = &[
    "Scan 2024-02-29 (1).pdf",
    "Fürst & Söhne/Angebot #3.docx",
    "写真.jpeg",
    "a+b%20c.txt",
    "archive.tar.gz",
];

/// Keys of schedules, the second column of a primary key.
pub const SCHEDULE_KEYS: &[&str] =
    &["", " ", "\\N", "=1+1", "a,b", "with/slash", "Öffnungszeiten", "quote\"d", "0"];
