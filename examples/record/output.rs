//! The finished trace: gzip, plain, or on standard output. The format is that of the accuracy program, `seq,send_ns,recv_ns`.

use crate::recording::Recording;
use anyhow::{Context as _, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Where the trace goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    Stdout,
    File { path: PathBuf, gzip: bool },
}

impl Output {
    /// `-`, or a file that ends in `.csv` or `.csv.gz`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let path = PathBuf::from(text);
        match text {
            "-" => Ok(Self::Stdout),
            _ if text.ends_with(".csv.gz") => Ok(Self::File { path, gzip: true }),
            _ if text.ends_with(".csv") => Ok(Self::File { path, gzip: false }),
            _ => Err("end the name in .csv.gz or .csv, or give - for standard output".into()),
        }
    }

    /// The file that holds the arrivals while they come in.
    pub(crate) fn log_path(&self) -> PathBuf {
        match self {
            Self::Stdout => std::env::temp_dir().join(format!("record-{}.part", std::process::id())),
            Self::File { path, .. } => with_suffix(path, ".part"),
        }
    }

    /// Refuses to overwrite a trace: it took somebody an hour.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        match self {
            Self::File { path, .. } if path.exists() => {
                bail!("{}: it exists already; choose another name, or remove it first", path.display())
            }
            _ => Ok(()),
        }
    }

    /// Writes the trace. A file appears under its name only when it is complete.
    pub(crate) fn write(&self, recording: &Recording) -> anyhow::Result<()> {
        self.check()?;
        let Self::File { path, gzip } = self else {
            return write_rows(recording, std::io::stdout().lock()).map(drop);
        };
        let unfinished = with_suffix(path, ".tmp");
        let write = || {
            let file = File::create(&unfinished)?;
            let file = if *gzip {
                write_rows(recording, GzEncoder::new(file, Compression::best()))?.finish()?
            } else {
                write_rows(recording, file)?
            };
            file.sync_all()?;
            std::fs::rename(&unfinished, path)?;
            anyhow::Ok(())
        };
        write().with_context(|| format!("{}", path.display()))
    }
}

fn write_rows<W: Write>(recording: &Recording, out: W) -> anyhow::Result<W> {
    let mut out = BufWriter::new(out);
    writeln!(out, "seq,send_ns,recv_ns")?;
    for row in recording.rows()? {
        match row.received_ns {
            Some(received_ns) => writeln!(out, "{},{},{received_ns}", row.seq, row.sent_ns)?,
            None => writeln!(out, "{},{},", row.seq, row.sent_ns)?,
        }
    }
    Ok(out.into_inner().map_err(std::io::IntoInnerError::into_error)?)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_decide_the_form() {
        assert_eq!(Output::parse("-"), Ok(Output::Stdout));
        assert_eq!(Output::parse("a.csv"), Ok(Output::File { path: "a.csv".into(), gzip: false }));
        let packed = Output::parse("b/a.csv.gz").unwrap();
        assert_eq!(packed, Output::File { path: "b/a.csv.gz".into(), gzip: true });
        assert_eq!(packed.log_path(), Path::new("b/a.csv.gz.part"));
        assert!(Output::parse("a.txt").unwrap_err().contains(".csv.gz"));
    }

    #[test]
    fn a_trace_is_written_once_and_not_overwritten() {
        let path = std::env::temp_dir().join(format!("record-output-{}.csv", std::process::id()));
        let output = Output::parse(path.to_str().unwrap()).unwrap();
        let mut recording = Recording::with_limit(None);
        recording.heartbeat(0, 0, 5);
        recording.heartbeat(2, 20, 27);
        output.write(&recording).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "seq,send_ns,recv_ns\n0,0,0\n1,10,\n2,20,22\n");
        let refused = output.write(&recording).unwrap_err().to_string();
        assert!(refused.ends_with("it exists already; choose another name, or remove it first"), "{refused}");
        std::fs::remove_file(path).unwrap();
    }
}
