//! The object that an archive becomes, with what is known of everything that went into it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

use crate::digest::Sha256Digest;
use crate::encrypt::{EncryptedStream, Encryption};
use crate::error::PackageError;
use crate::key::ObjectKey;
use crate::part::{ExactRead, Piece, length, push_stored};
use crate::store::{PackageStore, Upload};

pub(super) struct Output {
    store: PackageStore,
    upload: Upload,
    /// Bytes of the archive, which its offsets count.
    written_bytes: u64,
    /// The same, for others to look at.
    watched_bytes: Arc<AtomicU64>,
    /// Bytes of the object and their hash: of what is stored, encrypted or not.
    stored_bytes: u64,
    sha256: Sha256,
    encrypted: Option<EncryptedStream>,
    /// What was encrypted and is about to be stored; used again and again.
    ready: Vec<u8>,
}

impl Output {
    pub(super) fn new(store: &PackageStore, key: &ObjectKey) -> Self {
        let store = store.clone();
        Self {
            upload: store.upload(key),
            store,
            written_bytes: 0,
            watched_bytes: Arc::default(),
            stored_bytes: 0,
            sha256: Sha256::new(),
            encrypted: None,
            ready: Vec::new(),
        }
    }

    /// An output whose object is encrypted.
    pub(super) async fn encrypted(
        store: &PackageStore,
        key: &ObjectKey,
        encryption: &Encryption,
    ) -> Result<Self, PackageError> {
        let encrypted = Some(EncryptedStream::begin(encryption).await?);
        Ok(Self { encrypted, ..Self::new(store, key) })
    }

    /// Says about how long the object will be.
    pub(super) fn expect(&mut self, size_bytes: u64) {
        self.upload.expect(size_bytes);
    }

    pub(super) const fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    pub(super) fn watch(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.watched_bytes)
    }

    pub(super) const fn store(&self) -> &PackageStore {
        &self.store
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), PackageError> {
        self.written_bytes += length(bytes);
        self.watched_bytes.store(self.written_bytes, Ordering::Relaxed);
        if self.encrypted.is_none() {
            return self.store_bytes(bytes).await;
        }
        for slice in EncryptedStream::slices(bytes) {
            let mut ready = std::mem::take(&mut self.ready);
            if let Some(encrypted) = &mut self.encrypted {
                encrypted.push(slice, &mut ready)?;
            }
            self.store_bytes(&ready).await?;
            self.ready = ready;
        }
        Ok(())
    }

    /// Stores bytes as they are.
    async fn store_bytes(&mut self, bytes: &[u8]) -> Result<(), PackageError> {
        self.sha256.update(bytes);
        self.stored_bytes += length(bytes);
        self.upload.write(bytes).await
    }

    /// Copies an object, which must be as long as recorded.
    pub(super) async fn copy(&mut self, key: &ObjectKey, size_bytes: u64) -> Result<(), PackageError> {
        let mut read = ExactRead::open(&self.store, key, size_bytes).await?;
        while let Some(chunk) = read.next().await? {
            self.write(&chunk).await?;
        }
        Ok(())
    }

    /// Writes a piece of a DEFLATE stream.
    pub(super) async fn put(&mut self, piece: Piece<'_>) -> Result<(), PackageError> {
        match piece {
            Piece::Memory(bytes) => self.write(bytes).await,
            Piece::Object { key, size_bytes } => self.copy(key, size_bytes).await,
            Piece::Text(text) => {
                let mut blocks = Vec::with_capacity(text.len() + 16);
                push_stored(text.as_bytes(), &mut blocks);
                self.write(&blocks).await
            }
        }
    }

    /// Ends the encryption, if there is one, and makes the object visible: its length and hash.
    pub(super) async fn finish(mut self) -> Result<(u64, Sha256Digest), PackageError> {
        if let Err(error) = self.close().await {
            self.abort().await;
            return Err(error);
        }
        self.upload.finish().await?;
        Ok((self.stored_bytes, self.sha256.finalize().into()))
    }

    /// Without its last chunk no program would open the object.
    async fn close(&mut self) -> Result<(), PackageError> {
        let Some(encrypted) = self.encrypted.take() else {
            return Ok(());
        };
        let rest = encrypted.finish()?;
        self.store_bytes(&rest).await
    }

    pub(super) async fn abort(self) {
        self.upload.abort().await;
    }
}
