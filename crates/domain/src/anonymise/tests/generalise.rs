//! Coarse values, by example; `!` is what cannot be read.

use super::made;
use crate::datamap::Strategy;
use crate::schema::TypeFamily;

fn coarse(sql_type: &str, family: TypeFamily, examples: &[(&str, &str)]) {
    for (value, expected) in examples {
        assert_eq!(made(&Strategy::Generalise, sql_type, family, value), *expected, "{sql_type} {value}");
    }
}

#[test]
fn a_time_becomes_the_first_day_of_its_year() {
    let dates = [
        ("2024-02-29", "2024-01-01"),
        ("0044-03-15 BC", "0044-01-01 BC"),
        ("4713-12-31 BC", "4713-01-01 BC"),
        ("4714-12-31 BC", "4714-11-24 BC"),
        ("294275-06-01", "294275-01-01"),
        ("infinity", "infinity"),
        ("29/02/2024", "!"),
        ("2024-13-01", "!"),
        ("2024-02-29 10:00:00", "!"),
        ("", "!"),
    ];
    coarse("date", TypeFamily::Date, &dates);
    let timestamps = [
        ("2024-12-31 23:59:59.999999", "2024-01-01 00:00:00"),
        ("0001-05-05 00:00:00 BC", "0001-01-01 00:00:00 BC"),
        ("2024-12-31", "!"),
        ("2024-12-31 10:00:00+00", "!"),
    ];
    coarse("timestamp without time zone", TypeFamily::Timestamp, &timestamps);
}

#[test]
fn with_a_zone_the_year_is_that_of_utc() {
    let timestamps = [
        ("2024-02-29 23:59:59.5+00", "2024-01-01 00:00:00+00"),
        ("2024-01-01 00:59:59.9+01", "2023-01-01 00:00:00+00"),
        ("2024-01-01 01:00:00+01", "2024-01-01 00:00:00+00"),
        ("2024-12-31 23:00:00-01", "2025-01-01 00:00:00+00"),
        ("2024-12-31 22:59:59.9-01", "2024-01-01 00:00:00+00"),
        ("1892-01-01 00:00:00+00:53:28", "1891-01-01 00:00:00+00"),
        ("0001-01-01 00:00:00+05:30", "0001-01-01 00:00:00+00 BC"),
        ("0044-03-15 12:00:00+00 BC", "0044-01-01 00:00:00+00 BC"),
        ("2024-02-29 23:59:59", "!"),
    ];
    coarse("timestamp with time zone", TypeFamily::TimestampTz, &timestamps);
}

#[test]
fn an_address_becomes_its_network() {
    let addresses = [
        ("192.0.2.55", "192.0.2.0/24"),
        ("192.0.2.55/28", "192.0.2.0/24"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("2001:db8::1/32", "2001:db8::/32"),
        ("::ffff:192.0.2.1", "::/48"),
        ("192.0.2.1/33", "!"),
        ("192.0.2", "!"),
    ];
    coarse("inet", TypeFamily::Network, &addresses);
    coarse("cidr", TypeFamily::Network, &[("192.0.2.1/32", "192.0.2.0/24"), ("10.0.0.0/8", "10.0.0.0/8")]);
}

#[test]
fn a_number_keeps_its_leading_digit() {
    let numbers = [
        ("1984.50", "1000"),
        ("-37", "-30"),
        ("10", "10"),
        ("9.99", "0"),
        ("-9", "0"),
        ("0", "0"),
        ("0.00", "0"),
        ("0.37", "0"),
        ("-9223372036854775808", "-9000000000000000000"),
        ("123456789012345678901234567890.5", "100000000000000000000000000000"),
        ("1.5e+20", "1e+20"),
        ("-2.5e-05", "0"),
        ("3.4028235e+38", "3e+38"),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("1,000", "!"),
        ("inf", "!"),
        ("", "!"),
    ];
    coarse("numeric", TypeFamily::Number, &numbers);
}
