//! Extended regular expressions as glibc's `regcomp` takes them (`REG_EXTENDED`), with which
//! librdkafka matches topics (rdregex.c). Only whether there is a match matters, so a match is
//! found by following all of them at once: time grows with text and expression, never
//! exponentially. References to groups (`\1`) are refused.

use std::collections::BTreeSet;

/// The most repetitions that a bound may ask for (`RE_DUP_MAX`).
const REPETITIONS_MAX: usize = 0x7fff;
/// Larger expressions are refused: bounds within bounds would make them endless.
const SIZE_MAX: usize = 100_000;

/// Groups within groups beyond this are refused.
const DEPTH_MAX: usize = 200;

/// A compiled expression.
#[derive(Debug, Clone)]
pub(crate) struct PosixRegex {
    root: Node,
}

#[derive(Debug, Clone)]
enum Node {
    /// One byte of these.
    Bytes(Box<[bool; 256]>),
    /// A position, without a byte.
    Position(Position),
    Sequence(Vec<Node>),
    Alternatives(Vec<Node>),
    Repeated {
        node: Box<Node>,
        min: usize,
        /// None: as often as can be.
        max: Option<usize>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    Start,
    End,
    WordBoundary,
    NoWordBoundary,
    WordStart,
    WordEnd,
}

impl PosixRegex {
    /// Compiles an expression; none if there is something wrong with it.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let mut parser = Parser {
            bytes: text.as_bytes(),
            at: 0,
            depth: 0,
        };
        let root = parser.alternatives()?;
        (parser.at == parser.bytes.len() && root.size() <= SIZE_MAX).then_some(Self { root })
    }

    /// Whether a part of the text matches.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        let starts = (0..=text.len()).collect();
        !self.root.ends(text.as_bytes(), &starts).is_empty()
    }
}

impl Node {
    fn size(&self) -> usize {
        match self {
            Self::Bytes(_) | Self::Position(_) => 1,
            Self::Sequence(nodes) | Self::Alternatives(nodes) => {
                let sizes = nodes.iter().map(Self::size);
                sizes.fold(1, usize::saturating_add)
            }
            Self::Repeated { node, min, max } => {
                node.size().saturating_mul(max.unwrap_or(*min).max(1))
            }
        }
    }

    /// Where matches that begin at one of the starts may end.
    fn ends(&self, text: &[u8], starts: &BTreeSet<usize>) -> BTreeSet<usize> {
        match self {
            Self::Bytes(bytes) => starts
                .iter()
                .filter(|at| text.get(**at).is_some_and(|byte| bytes[usize::from(*byte)]))
                .map(|at| at + 1)
                .collect(),
            Self::Position(position) => {
                let starts = starts.iter().copied();
                starts.filter(|at| position.is_at(text, *at)).collect()
            }
            Self::Sequence(nodes) => {
                let begin = starts.clone();
                nodes
                    .iter()
                    .fold(begin, |starts, node| node.ends(text, &starts))
            }
            Self::Alternatives(nodes) => {
                let ends = nodes.iter().flat_map(|node| node.ends(text, starts));
                ends.collect()
            }
            Self::Repeated { node, min, max } => repeated(node, *min, *max, text, starts),
        }
    }
}

fn repeated(
    node: &Node,
    min: usize,
    max: Option<usize>,
    text: &[u8],
    starts: &BTreeSet<usize>,
) -> BTreeSet<usize> {
    let mut reached = starts.clone();
    for _ in 0..min {
        reached = node.ends(text, &reached);
    }
    let mut all = reached.clone();
    let mut more = max.map_or(usize::MAX, |max| max - min);
    while more > 0 && !reached.is_empty() {
        let ends = node.ends(text, &reached);
        reached = ends.difference(&all).copied().collect();
        all.extend(&reached);
        more -= 1;
    }
    all
}

impl Position {
    fn is_at(self, text: &[u8], at: usize) -> bool {
        let is_word = |at: Option<usize>| {
            let byte = at.and_then(|at| text.get(at));
            byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        };
        let (before, after) = (is_word(at.checked_sub(1)), is_word(Some(at)));
        match self {
            Self::Start => at == 0,
            Self::End => at == text.len(),
            Self::WordBoundary => before != after,
            Self::NoWordBoundary => before == after,
            Self::WordStart => !before && after,
            Self::WordEnd => before && !after,
        }
    }
}

/// Reads an expression, as glibc's parse_expression with RE_SYNTAX_POSIX_EXTENDED.
struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Of open groups.
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn takes(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn alternatives(&mut self) -> Option<Node> {
        let mut all = vec![self.sequence()?];
        while self.takes(b'|') {
            all.push(self.sequence()?);
        }
        Some(Node::Alternatives(all))
    }

    /// Up to a `|`, the end of the group or that of the text; it may be empty.
    fn sequence(&mut self) -> Option<Node> {
        let mut nodes = Vec::new();
        loop {
            match self.peek() {
                None | Some(b'|') => break,
                Some(b')') if self.depth > 0 => break,
                Some(_) => nodes.push(self.repetition()?),
            }
        }
        Some(Node::Sequence(nodes))
    }

    fn repetition(&mut self) -> Option<Node> {
        let mut node = self.atom()?;
        // A position can't be repeated: what follows it would be a repetition of nothing.
        if matches!(node, Node::Position(_)) {
            return Some(node);
        }
        loop {
            let (min, max) = match self.peek() {
                Some(b'*') => (0, None),
                Some(b'+') => (1, None),
                Some(b'?') => (0, Some(1)),
                Some(b'{') => {
                    self.at += 1;
                    let bounds = self.bounds()?;
                    node = repeat(node, bounds);
                    continue;
                }
                _ => return Some(node),
            };
            self.at += 1;
            node = repeat(node, (min, max));
        }
    }

    /// `N}`, `N,}`, `,M}` or `N,M}`.
    fn bounds(&mut self) -> Option<(usize, Option<usize>)> {
        let min = self.number();
        let max = if self.takes(b',') {
            self.number()
        } else {
            Some(min?)
        };
        let min = min.unwrap_or(0);
        let good = self.takes(b'}') && max.unwrap_or(min) >= min;
        let small = min.max(max.unwrap_or(0)) <= REPETITIONS_MAX;
        (good && small).then_some((min, max))
    }

    fn number(&mut self) -> Option<usize> {
        let mut number: Option<usize> = None;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            self.at += 1;
            let value = number.unwrap_or(0).saturating_mul(10);
            number = Some(value.saturating_add(usize::from(digit - b'0')));
        }
        number
    }

    fn atom(&mut self) -> Option<Node> {
        Some(match self.take()? {
            b'^' => Node::Position(Position::Start),
            b'$' => Node::Position(Position::End),
            b'.' => bytes_where(|byte| byte != 0),
            b'[' => self.brackets()?,
            b'(' => {
                self.depth += 1;
                if self.depth > DEPTH_MAX {
                    return None;
                }
                let group = self.alternatives()?;
                self.depth -= 1;
                if !self.takes(b')') {
                    return None;
                }
                group
            }
            b'*' | b'+' | b'?' | b'{' => return None,
            b'\\' => self.escape()?,
            byte => bytes_where(|other| other == byte),
        })
    }

    fn escape(&mut self) -> Option<Node> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let is_space = |byte: u8| byte.is_ascii_whitespace() || byte == 0x0b;
        Some(match self.take()? {
            b'w' => bytes_where(is_word),
            b'W' => bytes_where(|byte| !is_word(byte)),
            b's' => bytes_where(is_space),
            b'S' => bytes_where(|byte| !is_space(byte)),
            b'b' => Node::Position(Position::WordBoundary),
            b'B' => Node::Position(Position::NoWordBoundary),
            b'<' => Node::Position(Position::WordStart),
            b'>' => Node::Position(Position::WordEnd),
            b'`' => Node::Position(Position::Start),
            b'\'' => Node::Position(Position::End),
            b'1'..=b'9' => return None,
            byte => bytes_where(|other| other == byte),
        })
    }

    /// What follows a `[`.
    fn brackets(&mut self) -> Option<Node> {
        let negated = self.takes(b'^');
        let mut set = Box::new([false; 256]);
        let mut first = true;
        loop {
            let byte = self.take()?;
            match byte {
                b']' if !first => break,
                b'[' if self.peek() == Some(b':') => {
                    self.at += 1;
                    self.class(&mut set)?;
                }
                byte => {
                    let low = self.element(byte)?;
                    let is_range = self.peek() == Some(b'-')
                        && self
                            .bytes
                            .get(self.at + 1)
                            .is_some_and(|next| *next != b']');
                    let high = if is_range {
                        self.at += 1;
                        let byte = self.take()?;
                        self.element(byte)?
                    } else {
                        low
                    };
                    if high < low {
                        return None;
                    }
                    for byte in low..=high {
                        set[usize::from(byte)] = true;
                    }
                }
            }
            first = false;
        }
        if negated {
            for (byte, is_in) in set.iter_mut().enumerate() {
                *is_in = !*is_in && byte != 0;
            }
        }
        Some(Node::Bytes(set))
    }

    /// A byte of a bracket expression, or `[.x.]` or `[=x=]`.
    fn element(&mut self, byte: u8) -> Option<u8> {
        match (byte, self.peek()) {
            (b'[', Some(kind @ (b'.' | b'='))) => {
                self.at += 1;
                let element = self.take()?;
                (self.takes(kind) && self.takes(b']')).then_some(element)
            }
            _ => Some(byte),
        }
    }

    /// What follows a `[:`.
    fn class(&mut self, set: &mut [bool; 256]) -> Option<()> {
        let begin = self.at;
        while self.take()? != b':' {}
        let name = &self.bytes[begin..self.at - 1];
        let is_in: fn(&u8) -> bool = match name {
            b"alpha" => u8::is_ascii_alphabetic,
            b"digit" => u8::is_ascii_digit,
            b"alnum" => u8::is_ascii_alphanumeric,
            b"upper" => u8::is_ascii_uppercase,
            b"lower" => u8::is_ascii_lowercase,
            b"punct" => u8::is_ascii_punctuation,
            b"xdigit" => u8::is_ascii_hexdigit,
            b"graph" => u8::is_ascii_graphic,
            b"cntrl" => u8::is_ascii_control,
            b"print" => |byte| byte.is_ascii_graphic() || *byte == b' ',
            b"blank" => |byte| matches!(byte, b' ' | b'\t'),
            b"space" => |byte| byte.is_ascii_whitespace() || *byte == 0x0b,
            _ => return None,
        };
        for byte in 0..=u8::MAX {
            set[usize::from(byte)] |= is_in(&byte);
        }
        self.takes(b']').then_some(())
    }
}

fn repeat(node: Node, (min, max): (usize, Option<usize>)) -> Node {
    Node::Repeated {
        node: Box::new(node),
        min,
        max,
    }
}

fn bytes_where(is_in: impl Fn(u8) -> bool) -> Node {
    let mut set = Box::new([false; 256]);
    for byte in 0..=u8::MAX {
        set[usize::from(byte)] = is_in(byte);
    }
    Node::Bytes(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(expression: &str, text: &str) -> bool {
        PosixRegex::new(expression).unwrap().is_match(text)
    }

    #[test]
    fn a_part_of_the_text_is_enough() {
        assert!(matches("^ab", "abc") && matches("bc", "abc") && matches("", "abc"));
        assert!(!matches("^b", "abc") && !matches("b$", "abc"));
        assert!(matches("^abc$", "abc") && matches("x|^a", "abc"));
    }

    #[test]
    fn repetitions_are_counted() {
        assert!(matches("^a{2,3}$", "aaa") && !matches("^a{2,3}$", "aaaa"));
        assert!(matches("^a{2}$", "aa") && !matches("^a{2}$", "a"));
        assert!(matches("^(ab){1,}$", "abab") && matches("^a{,1}$", ""));
        assert!(matches("^a?b+c*$", "bb") && matches("^a**$", "aa"));
        assert!(matches("^(a|b)*$", "abba") && !matches("^(a|b)*$", "abc"));
        assert!(matches("^(a*)*$", "aaa"), "empty repetitions end");
    }

    #[test]
    fn brackets_hold_ranges_classes_and_themselves() {
        assert!(matches("^[a-c1]+$", "ab1") && !matches("^[^a-c]$", "a"));
        assert!(matches("^[]]$", "]") && matches("^[a-]$", "-"));
        assert!(matches("^[[:alpha:]_]+$", "a_b") && !matches("^[[:digit:]]$", "a"));
        assert!(matches("^[[.-.]a]$", "-"));
    }

    #[test]
    fn escapes_stand_for_bytes_and_places() {
        assert!(matches("^a\\.b$", "a.b") && !matches("^a\\.b$", "axb"));
        assert!(matches("\\<b\\>", "a-b-c") && !matches("\\<b\\>", "abc"));
        assert!(matches("^\\w+\\W\\w+$", "ab-c"));
    }

    #[test]
    fn what_glibc_refuses_is_refused() {
        for wrong in [
            "a[",
            "(",
            "[b-a]",
            "a\\",
            "*a",
            "^*",
            "a|*",
            "(+a)",
            "a{",
            "a{2,1}",
            "a{1",
            "{1}",
            "[[:nothing:]]",
            "a{40000}",
            "\\1",
        ] {
            assert!(PosixRegex::new(wrong).is_none(), "{wrong}");
        }
        for right in [")", "a)", "()", "a||b", "|a", "]", "}", "a{,2}"] {
            assert!(PosixRegex::new(right).is_some(), "{right}");
        }
    }

    #[test]
    fn a_large_expression_is_refused_and_a_nasty_one_ends() {
        assert!(PosixRegex::new("((a{1000}){1000}){1000}").is_none());
        assert!(!matches("^(a?){40}(a*)*b$", &"a".repeat(200)));
    }
}
