//! Encrypting a stream of bytes of unknown length, in bounded memory.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use age::stream::StreamWriter;
use tokio::sync::Semaphore;

use super::encryption::Encryption;
use crate::error::PackageError;

/// What is encrypted at a time: as much as the store reads at a time, so that the buffer behind it
/// does not grow.
const SLICE_BYTES: usize = 256 * 1024;

/// One passphrase is hardened at a time, however many steps run: each takes 64 MiB while it lasts.
static HARDENING: Semaphore = Semaphore::const_new(1);

/// A stream under way. Its last chunk comes with [`finish`](Self::finish), and without that no
/// program opens what was written.
pub(crate) struct EncryptedStream {
    writer: StreamWriter<Outlet>,
    outlet: Outlet,
}

impl EncryptedStream {
    /// A stream with a key of its own. Its header is the first thing to come out.
    pub(crate) async fn begin(encryption: &Encryption) -> Result<Self, PackageError> {
        let turn = HARDENING.acquire().await.map_err(failed)?;
        let encryption = encryption.clone();
        let encryptor = tokio::task::spawn_blocking(move || encryption.encryptor());
        let encryptor = encryptor.await.map_err(failed)?.map_err(failed)?;
        drop(turn);
        let outlet = Outlet::default();
        let writer = encryptor.wrap_output(outlet.clone()).map_err(failed)?;
        Ok(Self { writer, outlet })
    }

    /// Cuts `bytes` into what one [`push`](Self::push) may take.
    pub(crate) fn slices(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
        bytes.chunks(SLICE_BYTES)
    }

    /// Encrypts, and puts into `ready` what can be stored by now, in place of what was there.
    pub(crate) fn push(&mut self, bytes: &[u8], ready: &mut Vec<u8>) -> Result<(), PackageError> {
        self.writer.write_all(bytes).map_err(failed)?;
        self.outlet.drain(ready);
        Ok(())
    }

    /// Ends the stream; the rest of it.
    pub(crate) fn finish(self) -> Result<Vec<u8>, PackageError> {
        let mut rest = Vec::new();
        self.writer.finish().map_err(failed)?.drain(&mut rest);
        Ok(rest)
    }
}

/// Where the encrypted bytes come out. Shared, since the writer keeps its end to itself.
#[derive(Clone, Default)]
struct Outlet(Arc<Mutex<Vec<u8>>>);

impl Outlet {
    /// Hands over what has come out; both buffers are used again and again.
    fn drain(&self, ready: &mut Vec<u8>) {
        ready.clear();
        std::mem::swap(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), ready);
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn failed(source: impl std::error::Error + Send + Sync + 'static) -> PackageError {
    PackageError::Encryption(Box::new(source))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[tokio::test]
    async fn however_much_is_written_the_buffers_stay_small() {
        let holder = age::x25519::Identity::generate();
        let encryption = Encryption::parse_recipients(&[holder.to_public().to_string()]).unwrap();
        let mut stream = EncryptedStream::begin(&encryption).await.unwrap();
        let (mut ready, mut stored, content) = (Vec::new(), Vec::new(), vec![7; 20 << 20]);
        for slice in EncryptedStream::slices(&content) {
            stream.push(slice, &mut ready).unwrap();
            let held = stream.outlet.0.lock().unwrap().capacity() + ready.capacity();
            assert!(held <= 4 * SLICE_BYTES, "{held} bytes are held");
            stored.extend_from_slice(&ready);
        }
        stored.extend_from_slice(&stream.finish().unwrap());
        let decryptor = age::Decryptor::new_buffered(stored.as_slice()).unwrap();
        let identity: &dyn age::Identity = &holder;
        let mut plain = Vec::new();
        decryptor.decrypt(std::iter::once(identity)).unwrap().read_to_end(&mut plain).unwrap();
        assert!(plain == content);
    }
}
