//! `cmp extract`: what a hostile file does, it does to a process that nobody else needs.

use std::time::{Duration, Instant};

use knowledge::extract::ExtractError;
use knowledge::extract::worker::{Bounds, Worker};

fn worker(bounds: Bounds) -> Worker {
    Worker::new(env!("CARGO_BIN_EXE_cmp").into(), &["extract"], bounds, 2)
}

#[tokio::test]
async fn a_file_comes_back_as_a_document() {
    let document =
        worker(Bounds::default()).extract("a.md", b"# Returns\n\nWithin ten days.").await.expect("a document");
    assert_eq!(document.title.as_deref(), Some("Returns"));
    assert_eq!(document.blocks.len(), 2);
}

#[tokio::test]
async fn a_reason_comes_back_as_it_was_found() {
    let worker = worker(Bounds::default());
    assert_eq!(worker.extract("a.txt", b"  ").await, Err(ExtractError::NoText));
    let picture = worker.extract("a.png", b"\x89PNG\r\n\x1a\n").await;
    assert_eq!(picture, Err(ExtractError::Picture));
}

/// A PDF of a few hundred kilobytes whose only page unpacks to this many megabytes of blanks.
fn bomb(megabytes: u64) -> Vec<u8> {
    let mut packer = flate2::Compress::new(flate2::Compression::best(), false);
    let blanks = vec![b' '; 1 << 20];
    let mut block = Vec::with_capacity(1 << 16);
    packer.compress_vec(&blanks, &mut block, flate2::FlushCompress::Full).expect("it packs");
    let mut stream = vec![0x78, 0xda];
    for _ in 0..megabytes {
        stream.extend_from_slice(&block);
    }
    // An empty last block, and the sum of all blanks.
    stream.extend_from_slice(&[0x03, 0x00]);
    let count = u128::from(megabytes) << 20;
    let (low, high) = ((1 + 32 * count) % 65521, (count + 16 * count * (count + 1)) % 65521);
    stream.extend_from_slice(&u32::try_from(high << 16 | low).expect("two sums of 16 bits").to_be_bytes());
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut places = Vec::new();
    let mut add = |file: &mut Vec<u8>, head: &str, stream: Option<&[u8]>| {
        places.push(file.len());
        file.extend_from_slice(format!("{} 0 obj\n{head}\n", places.len()).as_bytes());
        if let Some(stream) = stream {
            file.extend_from_slice(b"stream\n");
            file.extend_from_slice(stream);
            file.extend_from_slice(b"\nendstream\n");
        }
        file.extend_from_slice(b"endobj\n");
    };
    add(&mut file, "<< /Type /Catalog /Pages 2 0 R >>", None);
    add(&mut file, "<< /Type /Pages /Count 1 /Kids [3 0 R] >>", None);
    add(&mut file, "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R /Resources << >> >>", None);
    add(&mut file, &format!("<< /Length {} /Filter /FlateDecode >>", stream.len()), Some(&stream));
    let start = file.len();
    let mut end = "xref\n0 5\n0000000000 65535 f \n".to_owned();
    for place in places {
        end.push_str(&format!("{place:010} 00000 n \n"));
    }
    end.push_str(&format!("trailer << /Size 5 /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"));
    file.extend_from_slice(end.as_bytes());
    file
}

#[tokio::test]
async fn a_file_that_takes_all_memory_fails_alone() {
    let worker = worker(Bounds::default());
    let bomb = bomb(1500);
    assert!(bomb.len() < 4 << 20, "{} bytes are no bomb", bomb.len());
    assert_eq!(worker.extract("a.pdf", &bomb).await, Err(ExtractError::TooComplex));
    worker.extract("a.txt", b"The next file is read.").await.expect("a document");
}

#[tokio::test]
async fn a_file_that_takes_too_long_is_given_up() {
    let worker = worker(Bounds { time: Duration::from_millis(1), ..Bounds::default() });
    let started = Instant::now();
    assert_eq!(worker.extract("a.txt", b"words").await, Err(ExtractError::TooComplex));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_cut_off() {
    let worker = worker(Bounds { output: 1000, ..Bounds::default() });
    assert_eq!(worker.extract("a.txt", "words ".repeat(1000).as_bytes()).await, Err(ExtractError::TooLarge));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_not_the_files_fault() {
    let worker = Worker::new("/nowhere/cmp".into(), &["extract"], Bounds::default(), 1);
    assert_eq!(worker.extract("a.txt", b"words").await, Err(ExtractError::Unavailable));
}
