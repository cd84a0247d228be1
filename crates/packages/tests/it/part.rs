//! Parts: whatever the block size, they decompress to what was written.

use std::io::Read as _;

use bytes::Bytes;
use futures::TryStreamExt as _;
use packages::{Format, PackageError, Part, PartOptions, PartWriter, Sha256Digest, StoredPart};
use proptest::prelude::*;

use crate::fixture::Fixture;

const SMALL_BLOCKS: PartOptions =
    PartOptions { level: 1, block_bytes: 1000, blocks_in_flight: 3, memory_limit_bytes: 0 };

async fn write(fixture: &Fixture, pieces: &[Vec<u8>], options: &PartOptions) -> Part {
    let key = fixture.folder.part("users").format(Format::Json);
    let mut writer = PartWriter::new(&fixture.store, key, options);
    for piece in pieces {
        writer.buffer().extend_from_slice(piece);
        if writer.is_full() {
            writer.dispatch().await.unwrap();
        }
    }
    writer.finish(7).await.unwrap()
}

async fn stored(fixture: &Fixture, part: Part) -> (StoredPart, Vec<u8>) {
    let key = fixture.folder.part("users").format(Format::Json);
    let stored = part.into_stored(&fixture.store, key).await.unwrap();
    let object = fixture.store.get(&stored.key, None).await.unwrap();
    let chunks: Vec<Bytes> = object.chunks.try_collect().await.unwrap();
    (stored, chunks.concat())
}

fn inflate(part: &[u8]) -> Vec<u8> {
    let whole = [part, &[0x03, 0x00]].concat();
    let mut content = Vec::new();
    let mut reader = flate2::bufread::DeflateDecoder::new(whole.as_slice());
    reader.read_to_end(&mut content).unwrap();
    assert_eq!(reader.total_in(), u64::try_from(whole.len()).unwrap());
    content
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_part_decompresses_to_what_was_written(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..30),
        in_flight in 1_usize..5,
        memory_limit_bytes in prop::sample::select(vec![0, 5_000, usize::MAX]),
    ) {
        let options = PartOptions { blocks_in_flight: in_flight, memory_limit_bytes, ..SMALL_BLOCKS };
        runtime().block_on(async {
            let fixture = Fixture::new();
            let part = write(&fixture, &pieces, &options).await;
            let (stored, bytes) = stored(&fixture, part).await;
            let content = pieces.concat();
            assert_eq!(inflate(&bytes), content);
            assert_eq!(stored.content.rows, 7);
            assert_eq!(stored.content.uncompressed_bytes, u64::try_from(content.len()).unwrap());
            assert_eq!(stored.content.compressed_bytes, u64::try_from(bytes.len()).unwrap());
            assert_eq!(stored.content.crc32, crc32fast::hash(&content));
            assert_eq!(stored.content.sha256, Sha256Digest::of(&content));
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_refer_to_the_block_before() {
    // Text that repeats after more than a block, and within the window.
    let line: Vec<u8> = (0..3000_u32).flat_map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let fixture = Fixture::new();
    let pieces = vec![line.clone(); 10];
    let options = PartOptions { block_bytes: line.len(), ..SMALL_BLOCKS };
    let part = write(&fixture, &pieces, &options).await;
    let (stored, bytes) = stored(&fixture, part).await;
    assert_eq!(inflate(&bytes), pieces.concat());
    let compressed = stored.content.compressed_bytes;
    assert!(compressed < 2 * u64::try_from(line.len()).unwrap(), "{compressed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_part_stays_in_memory_until_it_is_stored() {
    let fixture = Fixture::new();
    let options = PartOptions { memory_limit_bytes: 10_000, ..SMALL_BLOCKS };
    let part = write(&fixture, &[b"secret".to_vec()], &options).await;
    assert!(fixture.files().is_empty());
    assert!(!format!("{part:?}").contains("secret"));
    let (stored, _) = stored(&fixture, part).await;
    assert_eq!(fixture.files(), [fixture.path(&stored.key)]);
    let text = serde_json::to_string(&stored).unwrap();
    assert_eq!(serde_json::from_str::<StoredPart>(&text).unwrap(), stored);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aborted_or_dropped_part_leaves_nothing() {
    let fixture = Fixture::new();
    for is_dropped in [false, true] {
        let key = fixture.folder.part("users").format(Format::Csv);
        let mut writer = PartWriter::new(&fixture.store, key, &SMALL_BLOCKS);
        // Enough of what does not compress to begin a multipart upload, begun file included.
        let mut state = 1_u64;
        while fixture.files().is_empty() {
            for _ in 0..1000 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                writer.buffer().extend_from_slice(&state.to_be_bytes());
            }
            writer.dispatch().await.unwrap();
        }
        match is_dropped {
            true => drop(writer),
            false => writer.abort().await,
        }
        until(|| fixture.files().is_empty()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_fails_fails_the_part() {
    let fixture = Fixture::new();
    let job = fixture.root.path().join("organisations");
    std::fs::write(&job, "in the way").unwrap();
    let key = fixture.folder.part("users").format(Format::Csv);
    let mut writer = PartWriter::new(&fixture.store, key.clone(), &SMALL_BLOCKS);
    writer.buffer().extend_from_slice(b"a,b\r\n");
    let error = writer.finish(0).await.unwrap_err();
    assert!(matches!(&error, PackageError::Object { action: "write", key: k, .. } if *k == key.as_str()));
    assert!(error.is_retryable());
}

async fn until(condition: impl Fn() -> bool) {
    let check = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), check).await.unwrap();
}
