//! The development issuer's key: an Ed25519 pair in two PEM files.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use crate::failure::Failure;

const PRIVATE_FILE: &str = "dev-issuer.pem";
const PUBLIC_FILE: &str = "dev-issuer.pub.pem";
/// Letters of a line of PEM (RFC 7468, 2).
const LINE: usize = 64;

/// The key.
pub(super) struct DevelopmentKey {
    /// Its name in tokens: the thumbprint of RFC 7638.
    pub(super) id: String,
    /// The private key in PKCS#8.
    pub(super) pkcs8: Vec<u8>,
    /// Where the private key is.
    pub(super) private_file: PathBuf,
    /// Where the public key is, which the API reads.
    pub(super) public_file: PathBuf,
    /// Whether it was made just now.
    pub(super) created: bool,
}

impl DevelopmentKey {
    /// The key in this directory, made if it is missing. Two programs at once get the same one.
    pub(super) fn open(directory: &Path) -> Result<Self, Failure> {
        let (private_file, public_file) = (directory.join(PRIVATE_FILE), directory.join(PUBLIC_FILE));
        let cannot = |file: &Path, error: io::Error| {
            Failure::new(format!("the key file {} cannot be read or written", file.display()))
                .because(error)
                .next("name another directory with --key-dir or LETHE_TOKEN_KEY_DIR")
        };
        fs::create_dir_all(directory).map_err(|error| cannot(directory, error))?;
        let created = match private_file.try_exists().map_err(|error| cannot(&private_file, error))? {
            true => false,
            false => write_new(&private_file, &generate()?).map_err(|error| cannot(&private_file, error))?,
        };
        let text = fs::read_to_string(&private_file).map_err(|error| cannot(&private_file, error))?;
        let pkcs8 = unarmoured(&text).ok_or_else(|| not_a_key(&private_file))?;
        let pair = Ed25519KeyPair::from_pkcs8(&pkcs8).map_err(|_| not_a_key(&private_file))?;
        let public: PublicKeyX509Der<'_> =
            pair.public_key().as_der().map_err(|_| not_a_key(&private_file))?;
        let public_text = armoured("PUBLIC KEY", public.as_ref());
        if fs::read_to_string(&public_file).ok().as_deref() != Some(&public_text) {
            write_over(&public_file, &public_text).map_err(|error| cannot(&public_file, error))?;
        }
        Ok(Self { id: thumbprint(pair.public_key().as_ref()), pkcs8, private_file, public_file, created })
    }
}

/// A new private key. PKCS#8 version 1, which every tool reads.
fn generate() -> Result<String, Failure> {
    let failed = |_| Failure::new("no Ed25519 key can be made on this machine");
    let pair = Ed25519KeyPair::generate().map_err(failed)?;
    let document = pair.to_pkcs8v1().map_err(failed)?;
    Ok(armoured("PRIVATE KEY", document.as_ref()))
}

/// Writes a file that only its owner may read, whole or not at all; `false` when somebody else was faster.
fn write_new(file: &Path, text: &str) -> io::Result<bool> {
    match written_beside(file, text)?.persist_noclobber(file) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.error),
    }
}

/// Replaces a file that everybody may read, in one move.
fn write_over(file: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let new = written_beside(file, text)?;
    new.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    new.persist(file).map_err(|error| error.error)?;
    Ok(())
}

/// A file with that text beside `file`, for its owner only and without a name that lasts.
fn written_beside(file: &Path, text: &str) -> io::Result<NamedTempFile> {
    let mut new = NamedTempFile::new_in(file.parent().unwrap_or(Path::new(".")))?;
    new.write_all(text.as_bytes())?;
    new.as_file().sync_all()?;
    Ok(new)
}

/// RFC 7468.
fn armoured(label: &str, der: &[u8]) -> String {
    let letters = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = letters.as_str();
    while !rest.is_empty() {
        let (line, next) = rest.split_at(LINE.min(rest.len()));
        text.push_str(line);
        text.push('\n');
        rest = next;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

/// The private key of a PEM file.
fn unarmoured(text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (letters, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    let letters: String = letters.split_ascii_whitespace().collect();
    STANDARD.decode(letters).ok()
}

/// RFC 7638 with the members of RFC 8037, 2.
fn thumbprint(public: &[u8]) -> String {
    let key = URL_SAFE_NO_PAD.encode(public);
    let document = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{key}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(document))
}

fn not_a_key(file: &Path) -> Failure {
    Failure::new(format!("{} holds no Ed25519 key in PKCS#8", file.display()))
        .next("remove the file to have a new key made; tokens signed with the old one end then")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_the_standard() {
        // RFC 8037, appendix A.3.
        let public = URL_SAFE_NO_PAD.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        assert_eq!(thumbprint(&public), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn the_key_is_made_once_and_kept_from_others() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("a/b");
        let first = DevelopmentKey::open(&place).unwrap();
        let mode = |file: &Path| file.metadata().unwrap().permissions().mode() & 0o777;
        assert!(first.created);
        assert_eq!((mode(&first.private_file), mode(&first.public_file)), (0o600, 0o644));
        fs::remove_file(&first.public_file).unwrap();
        let second = DevelopmentKey::open(&place).unwrap();
        assert!(!second.created && second.public_file.exists());
        assert_eq!((first.id, first.pkcs8), (second.id, second.pkcs8));
    }

    #[test]
    fn many_at_once_get_the_same_key() {
        let directory = tempfile::tempdir().unwrap();
        let ids: Vec<String> = std::thread::scope(|scope| {
            let open = || DevelopmentKey::open(directory.path()).unwrap().id;
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_file_that_is_no_key_is_kept_and_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(PRIVATE_FILE);
        fs::write(&file, "something else").unwrap();
        let failure = DevelopmentKey::open(directory.path()).err().unwrap().to_string();
        assert!(failure.contains(PRIVATE_FILE) && failure.contains("next: remove the file"), "{failure}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "something else");
    }
}
