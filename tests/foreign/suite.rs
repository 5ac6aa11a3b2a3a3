//! The calls of the validator1 suite with their answers, for inputs of the specification's kinds, made at random.

use std::hash::{BuildHasher, Hasher, RandomState};

use shared::Fault;
use shared::xmlrpc::Value;

use super::language::{Call, Language};
use super::validator::Validator;

/// How often each method is called.
const ROUNDS: usize = 8;

/// Every method, by one client over one connection where it keeps one.
pub(crate) fn passes(language: &Language) {
    let server = Validator::start();
    let seed = RandomState::new().build_hasher().finish();
    eprintln!("validator1 with the random inputs of seed {seed:#018x}");
    let mut random = Random(seed | 1);
    let mut calls = fixed(language);
    for _ in 0..ROUNDS {
        calls.extend(round(language, &mut random));
    }
    language.make(&server.url, "none", &calls);
    assert_eq!(server.seen(), (calls.len(), language.http.clone()));
}

/// What must be tried whatever chance brings.
fn fixed(language: &Language) -> Vec<Call> {
    let mut calls = vec![
        Call::is("validator1.arrayOfStructsTest", &[Value::Array(Vec::new())], 0.into()),
        Call::is("validator1.countTheEntities", &["".into()], entities("")),
        Call::is("validator1.countTheEntities", &["<<<>>&&&&'\"\"]]>&amp;".into()], entities("<<<>>&&&&'\"\"]]>&amp;")),
        Call::is(
            "validator1.simpleStructReturnTest",
            &[(-5).into()],
            structure(&[("times10", (-50).into()), ("times100", (-500).into()), ("times1000", (-5000).into())]),
        ),
        Call::fails("validator1.easyStructTest", &["no struct".into()], Fault::BAD_PARAMETERS),
        Call::fails("validator1.unknown", &[], Fault::NO_SUCH_METHOD),
    ];
    let mut extremes = vec![
        ("lowest", Value::Int(i32::MIN)),
        ("highest", Value::Int(i32::MAX)),
        ("nothing", "".into()),
        ("spaces", "  two  ".into()),
        ("a space", " ".into()),
        ("lines", "\n\tone\n\n".into()),
        ("entity", "&amp;lt;".into()),
        ("languages", "é ü 日本 😀 \u{85}\u{fffd}".into()),
        ("long", "<&>".repeat(5_000).into_value()),
        ("zero", Value::Double(0.0)),
        ("third", Value::Double(-1234.0625)),
        ("every byte", Value::Bytes((0..=255).collect())),
        ("list", Value::Array(vec![1.into(), "two".into(), Value::Array(vec![true.into()]), Value::Array(Vec::new())])),
    ];
    if language.knows_structs {
        extremes.push(("empty", Value::Struct(Vec::new())));
    }
    for (name, extreme) in &extremes {
        calls.push(echo(structure(&[(name, extreme.clone())])));
    }
    calls.push(echo(structure(&extremes)));
    calls
}

/// Each of the eight once, with inputs of its own.
fn round(language: &Language, random: &mut Random) -> Vec<Call> {
    let stooges: Vec<[i32; 3]> = (0..random.below(40)).map(|_| random.stooges()).collect();
    let curly = stooges.iter().map(|[_, _, curly]| curly).sum::<i32>();
    let text = random.text(200);
    let easy = random.stooges();
    let many = vec![
        Value::Int(random.int()),
        Value::Bool(random.below(2) == 1),
        random.text(40).into_value(),
        Value::Double(random.double()),
        Value::DateTime(random.date()),
        Value::Bytes(random.bytes(300)),
    ];
    let texts: Vec<String> = (0..100 + random.below(101)).map(|_| random.text(20)).collect();
    let both = format!("{}{}", texts[0], texts[texts.len() - 1]);
    let (mut calendar, day) = random.calendar();
    if let (false, Value::Struct(years)) = (language.knows_structs, &mut calendar) {
        years.push(("a name that is no number".to_owned(), true.into()));
    }
    let number = random.int() / 1000;
    let times = |factor| Value::Int(number * factor);
    vec![
        Call::is(
            "validator1.arrayOfStructsTest",
            &[Value::Array(stooges.iter().map(|stooges| named(*stooges)).collect())],
            curly.into(),
        ),
        Call::is("validator1.countTheEntities", &[text.clone().into_value()], entities(&text)),
        Call::is("validator1.easyStructTest", &[named(easy)], easy.iter().sum::<i32>().into()),
        echo(random.structure(3)),
        Call::is("validator1.manyTypesTest", &many.clone(), Value::Array(many)),
        Call::is(
            "validator1.moderateSizeArrayCheck",
            &[Value::Array(texts.into_iter().map(IntoValue::into_value).collect())],
            both.into_value(),
        ),
        Call::is("validator1.nestedStructTest", &[calendar], day.iter().sum::<i32>().into()),
        Call::is(
            "validator1.simpleStructReturnTest",
            &[number.into()],
            structure(&[("times10", times(10)), ("times100", times(100)), ("times1000", times(1000))]),
        ),
    ]
}

fn echo(value: Value) -> Call {
    Call::is("validator1.echoStructTest", std::slice::from_ref(&value), value.clone())
}

fn structure(members: &[(&str, Value)]) -> Value {
    Value::Struct(members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

fn named([moe, larry, curly]: [i32; 3]) -> Value {
    structure(&[("moe", moe.into()), ("larry", larry.into()), ("curly", curly.into())])
}

/// Counted one by one, not as the server does.
fn entities(text: &str) -> Value {
    let mut counts = [0; 5];
    for symbol in text.chars() {
        if let Some(which) = "<>&'\"".find(symbol) {
            counts[which] += 1;
        }
    }
    let names = ["ctLeftAngleBrackets", "ctRightAngleBrackets", "ctAmpersands", "ctApostrophes", "ctQuotes"];
    structure(&names.into_iter().zip(counts.map(Value::Int)).collect::<Vec<_>>())
}

trait IntoValue {
    fn into_value(self) -> Value;
}

impl IntoValue for String {
    fn into_value(self) -> Value {
        Value::String(self)
    }
}

/// Numbers without a pattern (xorshift); never seeded with zero.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % end
    }

    fn int(&mut self) -> i32 {
        let wide = i64::try_from(self.next() >> 32).unwrap();
        i32::try_from(wide + i64::from(i32::MIN)).unwrap()
    }

    /// Small enough for every sum to be one of 32 bits.
    fn stooges(&mut self) -> [i32; 3] {
        std::array::from_fn(|_| self.int() / 1000)
    }

    /// Exact in few digits: not every library writes all that a double has.
    fn double(&mut self) -> f64 {
        f64::from(self.int() / 1000) / 64.0
    }

    fn date(&mut self) -> String {
        let mut two = |from: usize, to: usize| from + self.below(to - from);
        let (year, month, day) = (two(1970, 2038), two(1, 13), two(1, 29));
        format!("{year}{month:02}{day:02}T{:02}:{:02}:{:02}", two(0, 24), two(0, 60), two(0, 60))
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..=self.below(most)).map(|_| self.next().to_le_bytes()[3]).collect()
    }

    /// No CR: most libraries send it raw, and raw it is LF to every XML reader.
    fn text(&mut self, most: usize) -> String {
        const LETTERS: [char; 24] = [
            'a', 'b', 'Z', '0', '9', ' ', ' ', '\n', '\t', '<', '>', '&', '\'', '"', ']', '%', '\\', '\u{7f}', 'é',
            'ß', '日', '本', '😀', '\u{2028}',
        ];
        (0..self.below(most)).map(|_| LETTERS[self.below(LETTERS.len())]).collect()
    }

    fn structure(&mut self, depth: usize) -> Value {
        let members = (0..=self.below(4)).map(|number| (format!("member{number}"), self.value(depth)));
        Value::Struct(members.collect())
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 6 } else { 8 }) {
            0 => Value::Int(self.int()),
            1 => Value::Bool(self.below(2) == 1),
            2 => Value::Double(self.double()),
            3 => Value::DateTime(self.date()),
            4 => Value::Bytes(self.bytes(60)),
            5 => self.text(40).into_value(),
            6 => Value::Array((0..self.below(4)).map(|_| self.value(depth - 1)).collect()),
            _ => self.structure(depth - 1),
        }
    }

    /// Three years of days, each with its stooges; and those of the first of April 2000.
    fn calendar(&mut self) -> (Value, [i32; 3]) {
        let asked = self.stooges();
        let mut of_year = |year: usize| {
            let mut of_month = |month: usize| {
                let mut of_day = |day: usize| {
                    let is_asked = (year, month, day) == (2000, 4, 1);
                    (format!("{day:02}"), named(if is_asked { asked } else { self.stooges() }))
                };
                (format!("{month:02}"), Value::Struct((1..=28).map(&mut of_day).collect()))
            };
            (year.to_string(), Value::Struct((3..=5).map(&mut of_month).collect()))
        };
        (Value::Struct((2000..=2002).map(&mut of_year).collect()), asked)
    }
}
