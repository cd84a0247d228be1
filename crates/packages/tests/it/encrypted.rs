//! Encrypted archives, opened by the `age` crate and by programs that share no code with it.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use age::secrecy::{ExposeSecret as _, SecretString};
use chrono::DateTime;
use packages::{
    Archive, ArchiveWriter, Encryption, Format, PackageError, PartOptions, PartWriter, Sha256Digest,
    media_type,
};

use crate::fixture::{Fixture, unzip};

const PASSPHRASE: &str = "correct horse battery staple";

fn by_passphrase() -> Encryption {
    Encryption::parse_passphrase(SecretString::from(PASSPHRASE)).unwrap()
}

fn to(identities: &[age::x25519::Identity]) -> Encryption {
    let recipients: Vec<String> =
        identities.iter().map(|identity| identity.to_public().to_string()).collect();
    Encryption::parse_recipients(&recipients).unwrap()
}

fn rows() -> Vec<u8> {
    b"[\n{\"name\":\"Ada\"}\n]\n".repeat(50_000)
}

/// An archive with a short entry, one that lies in the store, and one of several chunks.
async fn write(fixture: &Fixture, encryption: Option<&Encryption>) -> Archive {
    let (key, at) = (fixture.folder.archive(), DateTime::UNIX_EPOCH);
    let mut archive = match encryption {
        Some(encryption) => ArchiveWriter::encrypted(&fixture.store, key, at, encryption).await.unwrap(),
        None => ArchiveWriter::new(&fixture.store, key, at),
    };
    archive.add_bytes("manifest.json", b"{}").await.unwrap();
    let options = PartOptions { memory_limit_bytes: 0, ..PartOptions::default() };
    let part = fixture.folder.part("some").format(Format::Json);
    let mut writer = PartWriter::new(&fixture.store, part, &options);
    writer.buffer().extend_from_slice(&rows());
    archive.add_part("data/some.json", writer.finish(1).await.unwrap()).await.unwrap();
    archive.add_bytes("noise", &noise(1 << 20)).await.unwrap();
    archive.finish().await.unwrap()
}

/// Bytes that do not compress.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

fn decrypt(stored: &[u8], identity: &dyn age::Identity) -> Result<Vec<u8>, age::DecryptError> {
    let mut plain = Vec::new();
    let mut reader = age::Decryptor::new_buffered(stored)?.decrypt(std::iter::once(identity))?;
    reader.read_to_end(&mut plain)?;
    Ok(plain)
}

fn check(plain: &[u8]) {
    let entries = unzip(plain);
    let paths: Vec<&str> = entries.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["manifest.json", "data/some.json", "noise"]);
    assert_eq!((&entries[1].1, &entries[2].1), (&rows(), &noise(1 << 20)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_recipient_opens_the_archive_alone_and_nobody_else() {
    let fixture = Fixture::new();
    let holders = [age::x25519::Identity::generate(), age::x25519::Identity::generate()];
    let archive = write(&fixture, Some(&to(&holders))).await;
    let stored = std::fs::read(fixture.path(&archive.key)).unwrap();
    assert_eq!(archive.size_bytes, u64::try_from(stored.len()).unwrap(), "of what is stored");
    assert_eq!(archive.sha256, Sha256Digest::of(&stored), "of what is stored");
    assert!(stored.starts_with(b"age-encryption.org/v1\n"));
    let plain = decrypt(&stored, &holders[0]).unwrap();
    assert_eq!(plain, decrypt(&stored, &holders[1]).unwrap());
    check(&plain);
    let stranger = age::x25519::Identity::generate();
    assert!(matches!(decrypt(&stored, &stranger), Err(age::DecryptError::NoMatchingKeys)));
    let open = write(&Fixture::new(), None).await;
    assert_eq!(open.size_bytes, u64::try_from(plain.len()).unwrap(), "the same archive inside");
    assert_eq!(open.sha256, Sha256Digest::of(&plain));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_passphrase_opens_the_archive_and_a_similar_one_does_not() {
    let fixture = Fixture::new();
    let archive = write(&fixture, Some(&by_passphrase())).await;
    let stored = std::fs::read(fixture.path(&archive.key)).unwrap();
    let identity = |text: &str| age::scrypt::Identity::new(SecretString::from(text));
    check(&decrypt(&stored, &identity(PASSPHRASE)).unwrap());
    assert!(decrypt(&stored, &identity(&PASSPHRASE[1..])).is_err());
    let header = String::from_utf8_lossy(&stored[..200]).into_owned();
    let work = header.lines().nth(1).unwrap().rsplit(' ').next().unwrap();
    assert_eq!(work, "16", "64 MiB: {header}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_cut_or_changed_does_not_open() {
    let fixture = Fixture::new();
    let holder = [age::x25519::Identity::generate()];
    let archive = write(&fixture, Some(&to(&holder))).await;
    let stored = std::fs::read(fixture.path(&archive.key)).unwrap();
    let chunk = 64 * 1024 + 16;
    let body = stored.len() % chunk;
    for cut in [stored.len() - 1, stored.len() - 16, stored.len() - chunk, body, 300, 10] {
        assert!(decrypt(&stored[..cut], &holder[0]).is_err(), "cut at {cut}");
    }
    for at in [stored.len() - 1, stored.len() / 2, 100] {
        let mut changed = stored.clone();
        changed[at] ^= 1;
        assert!(decrypt(&changed, &holder[0]).is_err(), "changed at {at}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_visible_before_the_end_and_after_a_failure() {
    let fixture = Fixture::new();
    let holder = [age::x25519::Identity::generate()];
    let (key, at) = (fixture.folder.archive(), DateTime::UNIX_EPOCH);
    let mut archive = ArchiveWriter::encrypted(&fixture.store, key.clone(), at, &to(&holder)).await.unwrap();
    archive.add_bytes("noise", &noise(10 << 20)).await.unwrap();
    assert!(fixture.store.head(&key).await.unwrap().is_none(), "not yet");
    let missing = fixture.folder.part("missing").format(Format::Json);
    let options = PartOptions { memory_limit_bytes: 0, ..PartOptions::default() };
    let mut part = PartWriter::new(&fixture.store, missing.clone(), &options);
    part.buffer().extend_from_slice(&rows());
    let part = part.finish(1).await.unwrap();
    fixture.store.delete(&missing).await.unwrap();
    let error = archive.add_part("data/missing.json", part).await.unwrap_err();
    assert!(matches!(error, PackageError::NotFound(_)));
    archive.abort().await;
    assert!(fixture.store.head(&key).await.unwrap().is_none(), "never");
    assert!(fixture.files().is_empty(), "and nothing is left behind: {:?}", fixture.files());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stored_length_keeps_to_the_limit_of_a_volume() {
    let holders: Vec<_> = (0..20).map(|_| age::x25519::Identity::generate()).collect();
    for encryption in [to(&holders), to(&holders[..1]), by_passphrase()] {
        for limit in [70_000, 1 << 20, (5 << 20) + 1] {
            let room = encryption.archive_bytes_within(limit);
            let fixture = Fixture::new();
            let (key, at) = (fixture.folder.archive(), DateTime::UNIX_EPOCH);
            let mut archive = ArchiveWriter::encrypted(&fixture.store, key, at, &encryption).await.unwrap();
            // An entry that is stored as it is takes 98 bytes beside its content here.
            let content = noise(usize::try_from(room).unwrap() - 98);
            archive.add_bytes("", &content).await.unwrap_err();
            archive.add_bytes("a", &content[22..]).await.unwrap();
            let archive = archive.finish().await.unwrap();
            assert!(archive.size_bytes <= limit, "{} of {limit}", archive.size_bytes);
            assert!(limit - archive.size_bytes < 3_000, "{} of {limit}", archive.size_bytes);
        }
    }
    assert_eq!(by_passphrase().archive_bytes_within(100), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_programs_open_it() {
    let fixture = Fixture::new();
    let holder = [age::x25519::Identity::generate()];
    let identity = fixture.root.path().join("identity.txt");
    std::fs::write(&identity, holder[0].to_string().expose_secret()).unwrap();
    let archive = write(&fixture, Some(&to(&holder))).await;
    let stored = fixture.path(&archive.key);
    let program = std::env::var("LETHE_TEST_AGE").unwrap_or_else(|_| "age".to_owned());
    let mut age = Command::new(program);
    age.arg("-d").arg("-i").arg(&identity).arg(&stored);
    if let Some(plain) = output(age, b"") {
        check(&plain);
    }
    let by_passphrase = write(&fixture, Some(&by_passphrase())).await;
    let script = "import sys\n\
        try: from pyrage import passphrase\n\
        except ImportError: sys.exit()\n\
        sys.stdout.buffer.write(passphrase.decrypt(open(sys.argv[1], 'rb').read(), sys.stdin.read()))";
    let program = std::env::var("LETHE_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut python = Command::new(program);
    python.arg("-c").arg(script).arg(fixture.path(&by_passphrase.key));
    if let Some(plain) = output(python, PASSPHRASE.as_bytes()).filter(|plain| !plain.is_empty()) {
        check(&plain);
    }
}

/// What a program prints; none when it is not there, which it is in CI.
fn output(mut command: Command, input: &[u8]) -> Option<Vec<u8>> {
    let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let is_missing = started.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
    if is_missing && std::env::var("CI").as_deref() != Ok("true") {
        return None;
    }
    let mut child = started.unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ended.stderr));
    Some(ended.stdout)
}

#[test]
fn the_name_says_what_it_is() {
    assert_eq!(media_type("export.zip"), "application/zip");
    assert_eq!(media_type("export.zip.age"), "application/octet-stream");
}
