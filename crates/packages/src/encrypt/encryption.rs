//! To whom a package is encrypted.

use std::fmt;

use age::scrypt;
use age::x25519::Recipient;
use secrecy::{ExposeSecret as _, SecretString};

use super::error::EncryptionError;
use super::recipient;

/// What an encrypted archive's name ends with, behind `.zip`.
pub const ENCRYPTED_SUFFIX: &str = ".age";
/// The most recipients of one package: as many people as can be meant, and a header of a few KiB.
pub const MOST_RECIPIENTS: usize = 20;
/// The shortest passphrase, in characters. The package leaves our hands, so it can be guessed at for
/// as long as anybody likes; NIST SP 800-63B asks for 8 where guesses are limited.
pub const SHORTEST_PASSPHRASE: usize = 12;
const LONGEST_PASSPHRASE_BYTES: usize = 1024;

/// scrypt with N = 2^16 and r = 8 takes 64 MiB (128 · r · N bytes) and some tenths of a second. The
/// `age` program itself takes 2^18, which is 256 MiB: more than a worker has.
const SCRYPT_LOG_N: u8 = 16;

/// Room for everything before the content: the first line, the nonce, the MAC, a random line by which
/// programs keep their readers flexible (300 bytes at most), and 98 bytes per recipient.
const HEADER_BYTES: u64 = 512;
const RECIPIENT_BYTES: u64 = 98;
/// The format encrypts 64 KiB at a time, each with 16 bytes of authentication.
const CHUNK_BYTES: u64 = 64 * 1024;
const TAG_BYTES: u64 = 16;

/// The media type of a package by the name it is saved under.
#[must_use]
pub fn media_type(file_name: &str) -> &'static str {
    match file_name.ends_with(ENCRYPTED_SUFFIX) {
        true => "application/octet-stream",
        false => "application/zip",
    }
}

/// To whom a package is encrypted: to the holders of keys, or to whoever knows a passphrase.
#[derive(Clone)]
pub struct Encryption(Mode);

#[derive(Clone)]
enum Mode {
    Recipients(Vec<Recipient>),
    Passphrase(SecretString),
}

impl Encryption {
    /// Encryption to these X25519 public keys (`age1…`): each of their holders opens the package
    /// alone.
    ///
    /// # Errors
    /// When there is none or are too many, or the first that cannot be used or is repeated.
    pub fn parse_recipients<T: AsRef<str>>(recipients: &[T]) -> Result<Self, EncryptionError> {
        if recipients.is_empty() {
            return Err(EncryptionError::NoRecipient);
        }
        if recipients.len() > MOST_RECIPIENTS {
            return Err(EncryptionError::TooManyRecipients);
        }
        let mut parsed: Vec<Recipient> = Vec::with_capacity(recipients.len());
        for (index, text) in recipients.iter().enumerate() {
            let wrong = |reason| EncryptionError::Recipient { index, reason };
            let recipient = recipient::parse(text.as_ref()).map_err(wrong)?;
            if parsed.contains(&recipient) {
                return Err(wrong("is named before; expected each once"));
            }
            parsed.push(recipient);
        }
        Ok(Self(Mode::Recipients(parsed)))
    }

    /// Encryption to whoever knows this passphrase, taken as it is, with all its spaces.
    ///
    /// # Errors
    /// When it is shorter than [`SHORTEST_PASSPHRASE`] characters, longer than 1024 bytes, or holds
    /// a control character.
    pub fn parse_passphrase(passphrase: SecretString) -> Result<Self, EncryptionError> {
        let text = passphrase.expose_secret();
        if text.len() > LONGEST_PASSPHRASE_BYTES {
            return Err(EncryptionError::LongPassphrase);
        }
        if text.chars().any(char::is_control) {
            return Err(EncryptionError::ControlCharacter);
        }
        if text.chars().count() < SHORTEST_PASSPHRASE {
            return Err(EncryptionError::ShortPassphrase);
        }
        Ok(Self(Mode::Passphrase(passphrase)))
    }

    /// The recipients in an order that does not depend on how they were given, so that equal sets
    /// are equal lists. None with a passphrase.
    #[must_use]
    pub fn recipients(&self) -> Vec<String> {
        let Mode::Recipients(recipients) = &self.0 else {
            return Vec::new();
        };
        let mut texts: Vec<String> = recipients.iter().map(ToString::to_string).collect();
        texts.sort_unstable();
        texts
    }

    /// How long an archive may be for the object to have `stored_bytes` at most: for volumes whose
    /// size is limited.
    #[must_use]
    pub fn archive_bytes_within(&self, stored_bytes: u64) -> u64 {
        let recipients = match &self.0 {
            Mode::Recipients(recipients) => u64::try_from(recipients.len()).unwrap_or(u64::MAX),
            Mode::Passphrase(_) => 1,
        };
        let header = recipients.saturating_mul(RECIPIENT_BYTES).saturating_add(HEADER_BYTES);
        let body = stored_bytes.saturating_sub(header);
        let tags = body.div_ceil(CHUNK_BYTES + TAG_BYTES).saturating_mul(TAG_BYTES);
        body.saturating_sub(tags)
    }

    /// The header and the key for one object. Takes the memory and time that scrypt is made to take,
    /// so not on a thread that others wait for.
    pub(super) fn encryptor(&self) -> Result<age::Encryptor, age::EncryptError> {
        match &self.0 {
            Mode::Recipients(recipients) => age::Encryptor::with_recipients(
                recipients.iter().map(|recipient| -> &dyn age::Recipient { recipient }),
            ),
            Mode::Passphrase(passphrase) => {
                let mut recipient = scrypt::Recipient::new(passphrase.clone());
                recipient.set_work_factor(SCRYPT_LOG_N);
                let recipient: &dyn age::Recipient = &recipient;
                age::Encryptor::with_recipients(std::iter::once(recipient))
            }
        }
    }
}

impl fmt::Debug for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Mode::Recipients(recipients) => write!(f, "Encryption to {} recipients", recipients.len()),
            Mode::Passphrase(_) => f.write_str("Encryption by passphrase"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> String {
        age::x25519::Identity::generate().to_public().to_string()
    }

    #[test]
    fn the_entry_that_is_wrong_is_named() {
        let (first, second) = (key(), key());
        let wrong = |recipients: &[&str]| Encryption::parse_recipients(recipients).unwrap_err();
        assert_eq!(wrong(&[]), EncryptionError::NoRecipient);
        assert_eq!(wrong(&[&first, "age1"]).recipient_index(), Some(1));
        let repeated = wrong(&[&first, &second, &first]);
        assert_eq!(repeated.to_string(), "recipient 3 is named before; expected each once");
        assert_eq!(wrong(&[&first, &first.to_uppercase()]).recipient_index(), Some(1));
        let many: Vec<String> = (0..=MOST_RECIPIENTS).map(|_| key()).collect();
        assert_eq!(Encryption::parse_recipients(&many).unwrap_err(), EncryptionError::TooManyRecipients);
        assert!(Encryption::parse_recipients(&many[1..]).is_ok());
    }

    #[test]
    fn equal_sets_of_recipients_are_equal_lists() {
        let (first, second) = (key(), key());
        let one = Encryption::parse_recipients(&[&first, &second]).unwrap();
        let other = Encryption::parse_recipients(&[&second, &first]).unwrap();
        assert_eq!(one.recipients(), other.recipients());
        assert_eq!(one.recipients().len(), 2);
    }

    #[test]
    fn a_passphrase_is_long_enough_and_shown_nowhere() {
        let parse = |text: &str| Encryption::parse_passphrase(SecretString::from(text));
        assert_eq!(parse("elf letters").unwrap_err(), EncryptionError::ShortPassphrase);
        assert_eq!(parse("öööööööööö").unwrap_err(), EncryptionError::ShortPassphrase);
        assert_eq!(parse("twelve letters\n").unwrap_err(), EncryptionError::ControlCharacter);
        assert_eq!(parse(&"x".repeat(1025)).unwrap_err(), EncryptionError::LongPassphrase);
        let taken = parse("correct horse battery").unwrap();
        assert_eq!(format!("{taken:?}"), "Encryption by passphrase");
        assert!(taken.recipients().is_empty());
    }
}
