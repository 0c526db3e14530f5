//! A verb, right-aligned and perhaps coloured, before what it says: as cargo prints.

/// How wide the column of verbs is.
const VERB_WIDTH: usize = 11;

/// Whether to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// No escape codes.
    Plain,
    /// ANSI colours.
    Colour,
}

/// What a verb is about, which gives its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It went well.
    Good,
    /// It did not.
    Bad,
    /// Neither: skipped, or unknown.
    Doubtful,
    /// A heading.
    Neutral,
}

impl Tone {
    /// The one of two that matters more.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        let weight = |tone| match tone {
            Self::Neutral => 0,
            Self::Good => 1,
            Self::Doubtful => 2,
            Self::Bad => 3,
        };
        if weight(other) > weight(self) {
            other
        } else {
            self
        }
    }

    /// The ANSI sequence that begins it: bold green, red, yellow, or plain bold.
    fn code(self) -> &'static str {
        match self {
            Self::Good => "\x1b[1;32m",
            Self::Bad => "\x1b[1;31m",
            Self::Doubtful => "\x1b[1;33m",
            Self::Neutral => "\x1b[1m",
        }
    }
}

impl Style {
    /// One line: `       PASS  fast/steady`. Without trailing blanks.
    #[must_use]
    pub fn line(self, tone: Tone, verb: &str, text: &str) -> String {
        let verb = format!("{verb:>VERB_WIDTH$}");
        let verb = match self {
            Self::Plain => verb,
            Self::Colour => format!("{}{verb}\x1b[0m", tone.code()),
        };
        format!("{verb}  {text}").trim_end().to_owned()
    }

    /// A line that goes on with what the one above says.
    #[must_use]
    pub fn continuation(text: &str) -> String {
        format!("{:VERB_WIDTH$}  {text}", "").trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_align_with_and_without_colour() {
        let plain = Style::Plain.line(Tone::Good, "PASS", "fast/steady");
        assert_eq!(plain, "       PASS  fast/steady");
        let coloured = Style::Colour.line(Tone::Bad, "FAIL", "x");
        assert_eq!(coloured, "\x1b[1;31m       FAIL\x1b[0m  x");
        assert_eq!(Style::continuation("x"), "             x");
    }
}
