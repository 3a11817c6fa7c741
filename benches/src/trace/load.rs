//! Files and directories to traces.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::{Nature, Trace, TraceError, parse};

/// Unpacked; a million heartbeats are about 30 MiB.
const FILE_MIB_MAX: u64 = 2048;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Reads one trace, packed with gzip or not.
///
/// # Errors
///
/// [`TraceError`] names the file, the line and what to do.
pub fn file(path: &Path) -> Result<Trace, TraceError> {
    let unreadable = |source| TraceError::Unreadable { path: path.into(), source };
    let mut packed = Vec::new();
    let limit = FILE_MIB_MAX << 20;
    File::open(path).and_then(|f| f.take(limit + 1).read_to_end(&mut packed)).map_err(unreadable)?;
    let bytes = if packed.starts_with(&GZIP_MAGIC) {
        let mut unpacked = Vec::new();
        MultiGzDecoder::new(&packed[..]).take(limit + 1).read_to_end(&mut unpacked).map_err(unreadable)?;
        unpacked
    } else {
        packed
    };
    if bytes.len() as u64 > limit {
        return Err(TraceError::TooLarge { path: path.into(), limit_mib: FILE_MIB_MAX });
    }
    // A byte that is not UTF-8 becomes a character that no cell may hold, and is reported with its line.
    let text = String::from_utf8_lossy(&bytes);
    let rows =
        parse(&text).map_err(|(line, fault)| TraceError::Malformed { path: path.into(), line, fault })?;
    Ok(Trace { name: name_of(path), nature: Nature::Recorded, rows, nominal_ns: None })
}

/// Reads every `*.csv` and `*.csv.gz` of a directory, by name, except the `*.sessions.csv` that tell of splices.
///
/// # Errors
///
/// [`TraceError`] of the first file that cannot be used, or that there is none.
pub fn directory(path: &Path) -> Result<Vec<Trace>, TraceError> {
    let unreadable = |source| TraceError::Unreadable { path: path.into(), source };
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if is_trace(&file) {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(TraceError::EmptyDirectory { path: path.into() });
    }
    files.sort();
    files.iter().map(|path| file(path)).collect()
}

fn is_trace(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    (name.ends_with(".csv") || name.ends_with(".csv.gz")) && !name.ends_with(".sessions.csv")
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.strip_suffix(".csv").unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::RECEIVED_MIN;
    use std::io::Write;

    fn good() -> String {
        let rows: String =
            (0..RECEIVED_MIN as u64).map(|i| format!("{i},{},{}\n", i * 10, i * 10 + 5)).collect();
        format!("seq,send_ns,recv_ns\n{rows}")
    }

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("accuracy-load-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn packed_and_plain_read_the_same() {
        let dir = scratch("packed");
        std::fs::write(dir.join("a.csv"), good()).unwrap();
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(good().as_bytes()).unwrap();
        std::fs::write(dir.join("b.csv.gz"), gz.finish().unwrap()).unwrap();
        std::fs::write(dir.join("b.sessions.csv"), "first_seq,n,source\n").unwrap();
        let traces = directory(&dir).unwrap();
        assert_eq!(traces.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(traces[0].rows, traces[1].rows);
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_missing_file_is_named() {
        let message = file(Path::new("no/such/trace.csv")).unwrap_err().to_string();
        assert!(message.starts_with("no/such/trace.csv: "), "{message}");
        assert!(message.ends_with("check the path and that the file is readable"), "{message}");
    }

    #[test]
    fn an_empty_directory_says_what_to_give() {
        let dir = scratch("empty");
        let message = directory(&dir).unwrap_err().to_string();
        assert!(message.contains("no *.csv or *.csv.gz trace in it; give a directory"), "{message}");
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_malformed_file_names_file_and_line() {
        let dir = scratch("malformed");
        let path = dir.join("bad.csv");
        std::fs::write(&path, b"seq,send_ns,recv_ns\n0,0,\xff\n").unwrap();
        let message = file(&path).unwrap_err().to_string();
        assert!(
            message.contains("bad.csv: line 2: recv_ns is `\u{fffd}`; write a whole number"),
            "{message}"
        );
        std::fs::remove_dir_all(dir).unwrap();
    }
}
