//! `earwitness review`: browse recorded events, hear their evidence, say what they were.

mod export;
pub(super) mod made_file;

use std::path::{Path, PathBuf};

use clap::builder::{FalseyValueParser, PossibleValuesParser};
use jiff::Timestamp;

use self::made_file::{entry, readers, write_whole};
use super::{Globals, logging, output, time_zone};
use crate::archive::glance::holds_events;
use crate::archive::{Filter, Index, IndexOptions, Judged, Page};
use crate::error::{Error, Result};
use crate::review::entry::Entry;
use crate::review::feedback::{Feedback, import, latest};
use crate::review::page::{PageOptions, write_page};
use crate::review::ratings::{Rating, Summary, newest, read_ratings, summarize};
use crate::review::study::{Understood, understood};
use crate::review::uncertain::uncertain;
use crate::units::EvidenceVerdict;

const AFTER_HELP: &str = "\
Examples:
  earwitness review events                            browse, listen, mark, in the terminal
  earwitness review events --uncertain                the 20 whose marks teach `learn` most
  earwitness review events --html page.html           one web page with everything in it
  earwitness review events --html page.html --label dog,cat --since 2026-11-20 --limit 20
  earwitness review events --import marks.json        what was marked or rated in a page
  earwitness review events --export csv --out all.csv --marked yes
  earwitness review events --export audacity --text yard.wav --out yard.txt
  earwitness review events --ratings anna.json ben.json

The page asks nothing of any network: send it to whom you like. What its reader marks, and
the ratings of its listening test, are downloaded as a file, which --import takes.";

/// Events in a page where no limit is given.
const DEFAULT_LIMIT: u64 = 50;

/// A page from here on is worth a word: browsers get slow.
const LARGE_PAGE_BYTES: u64 = 200 << 20;

/// From this many unread events on, reading them into the index is worth a word.
const MANY_EVENTS: u64 = 2000;

/// Labels that are named where one is looked for that is not there.
const NAMED_LABELS: usize = 20;

/// Browse recorded events.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Folder that `monitor --record` wrote
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Write one self-contained web page
    #[arg(long, value_name = "FILE", env = "EARWITNESS_HTML", group = "what")]
    pub html: Option<PathBuf>,
    /// Print the events: csv (a table), jsonl (an object a line), audacity (a label track) or raven (a selection table)
    #[arg(long, value_name = "FORMAT", env = "EARWITNESS_EXPORT", group = "what", value_parser = PossibleValuesParser::new(export::FORMATS))]
    pub export: Option<String>,
    /// Read marks and ratings from the file that a page's button made; may be given again
    #[arg(long, value_name = "FILE", env = "EARWITNESS_IMPORT", group = "what")]
    pub import: Vec<PathBuf>,
    /// Sum up listening tests, from files or (without any) from what was imported
    #[arg(long, value_name = "FILE", env = "EARWITNESS_RATINGS", group = "what", num_args = 0..)]
    pub ratings: Option<Vec<PathBuf>>,
    /// File to write the export into, instead of stdout (-)
    #[arg(long, value_name = "FILE", env = "EARWITNESS_OUT")]
    pub out: Option<PathBuf>,
    /// Only the newest N events [default: 50 in a page, all in an export]
    #[arg(long, value_name = "N", env = "EARWITNESS_LIMIT", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Leave the components' sounds out of the page: it gets a third smaller
    #[arg(long, env = "EARWITNESS_NO_COMPONENTS", value_parser = FalseyValueParser::new())]
    pub no_components: bool,
    /// What plays sounds in the terminal: off, device or device:ID
    #[arg(long, value_name = "SPEC", env = "EARWITNESS_LISTEN", default_value = "device")]
    pub listen: String,
    /// Which events.
    #[command(flatten)]
    pub wanted: Wanted,
}

/// Which events are wanted.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Which events")]
pub struct Wanted {
    /// Of these labels or groups
    #[arg(long, value_name = "LABEL", env = "EARWITNESS_LABEL", value_delimiter = ',')]
    pub label: Vec<String>,
    /// Not before this day (UTC)
    #[arg(long, value_name = "YYYY-MM-DD", env = "EARWITNESS_SINCE", value_parser = day)]
    pub since: Option<String>,
    /// Not after this day (UTC)
    #[arg(long, value_name = "YYYY-MM-DD", env = "EARWITNESS_UNTIL", value_parser = day)]
    pub until: Option<String>,
    /// With at least this score
    #[arg(long, value_name = "0…1", env = "EARWITNESS_MIN_SCORE", value_parser = share)]
    pub min_score: Option<f64>,
    /// Whether the interpretation alone gives the same label: yes or no
    #[arg(long, value_name = "YES|NO", env = "EARWITNESS_AGREES", value_parser = PossibleValuesParser::new(["yes", "no"]), hide_possible_values = true)]
    pub agrees: Option<String>,
    /// What its evidence comes to: enough-and-needed, enough or not-enough
    #[arg(long, value_name = "VERDICT", env = "EARWITNESS_EVIDENCE", value_parser = PossibleValuesParser::new(["enough-and-needed", "enough", "not-enough"]), hide_possible_values = true)]
    pub evidence: Option<String>,
    /// What was said of it: yes (right or wrong), no (neither), right or wrong
    #[arg(long, value_name = "MARK", env = "EARWITNESS_MARKED", value_parser = PossibleValuesParser::new(["yes", "no", "right", "wrong"]), hide_possible_values = true)]
    pub marked: Option<String>,
    /// Only starred ones
    #[arg(long, env = "EARWITNESS_STARRED", value_parser = FalseyValueParser::new())]
    pub starred: bool,
    /// Only the 20 unmarked ones whose marks would teach most: low scores, labels that are reported often
    #[arg(long, env = "EARWITNESS_UNCERTAIN", value_parser = FalseyValueParser::new())]
    pub uncertain: bool,
    /// With this text in label, source or note
    #[arg(long, value_name = "TEXT", env = "EARWITNESS_TEXT")]
    pub text: Option<String>,
}

impl Wanted {
    /// The same for the index.
    #[must_use]
    pub fn filter(&self) -> Filter {
        Filter {
            labels: self.label.clone(),
            from_day: self.since.clone(),
            to_day: self.until.clone(),
            min_score: self.min_score,
            agrees: self.agrees.as_ref().map(|word| word == "yes"),
            evidence: self.evidence.as_ref().and_then(|word| EvidenceVerdict::named(&word.replace('-', "_"))),
            judged: self.marked.as_deref().map(|word| match word {
                "right" => Judged::Right,
                "wrong" => Judged::Wrong,
                "no" => Judged::No,
                _ => Judged::Yes,
            }),
            starred: self.starred.then_some(true),
            text: self.text.clone(),
            ..Filter::default()
        }
    }
}

fn day(text: &str) -> Result<String, String> {
    let date = text.parse::<jiff::civil::Date>().map_err(|_| "give a day, as in 2026-11-20".to_owned())?;
    Ok(date.to_string())
}

fn share(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|x| (0.0..=1.0).contains(x)).ok_or_else(|| "give a number from 0 to 1".to_owned())
}

/// Shows, exports or takes in what `args` say.
///
/// # Errors
/// Where the folder cannot be read, or the output cannot be written.
pub fn run(args: &Args, globals: &Globals) -> Result<()> {
    let config = globals.settings(crate::config::ConfigLayer::default())?;
    let in_terminal = args.html.is_none() && args.export.is_none() && args.import.is_empty() && args.ratings.is_none();
    logging::start(&config.log, in_terminal)?;
    time_zone::warn(false, in_terminal);
    if let Some(files) = args.ratings.as_ref().filter(|files| !files.is_empty()) {
        return print_ratings(read_files(files)?);
    }
    let mut filter = args.wanted.filter();
    // The index would be a file that is left in the folder.
    if matches!(holds_events(&args.dir), Ok(false)) {
        return without_events(args);
    }
    let mut index = open(&args.dir)?;
    tell_unknown(&index, &filter)?;
    if args.wanted.uncertain {
        filter.among = Some(uncertain(&index, &filter)?);
    }
    if let Some(file) = &args.html {
        html(&index, &filter, args, file)
    } else if let Some(format) = &args.export {
        export::export(&index, &filter, args.limit, format, args.out.as_deref())
    } else if !args.import.is_empty() {
        args.import.iter().try_for_each(|file| take_in(&mut index, file))
    } else if args.ratings.is_some() {
        print_ratings(read_folders(&index, &filter)?)
    } else {
        screen(index, filter, args, &config)
    }
}

/// What there is to do in a folder without events, where nothing is left behind.
fn without_events(args: &Args) -> Result<()> {
    let dir = args.dir.display();
    let why =
        format!("{dir} holds no events; name a folder that `monitor --record` wrote, or wait for its first event");
    match &args.export {
        Some(format) => {
            output::note(&why);
            export::nothing(format, args.out.as_deref())
        }
        None if args.ratings.is_some() => print_ratings(Vec::new()),
        None => Err(Error::input(why)),
    }
}

/// Says which labels of a filter no event has, and which there are.
fn tell_unknown(index: &Index, filter: &Filter) -> Result<()> {
    let mut unknown = Vec::new();
    for label in &filter.labels {
        let alone = Filter { labels: vec![label.clone()], ..Filter::default() };
        if index.count(&alone)? == 0 {
            unknown.push(label.as_str());
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    let known: Vec<String> = index.labels(&Filter::default())?.into_iter().map(|(label, _)| label).collect();
    let (more, known) = (if known.len() > NAMED_LABELS { ", …" } else { "" }, &known[..known.len().min(NAMED_LABELS)]);
    output::note(&printable(&format!(
        "no event has the label or group {}; there are {}{more}",
        unknown.join(", "),
        known.join(", ")
    )));
    Ok(())
}

fn open(dir: &Path) -> Result<Index> {
    let mut told = false;
    let mut progress = |_: u64, of: u64| {
        if of > MANY_EVENTS && !told {
            told = true;
            output::note(&format!("reading {of} events into the index; the next time it is quick"));
        }
    };
    Index::open_with(dir, IndexOptions { progress: Some(&mut progress), ..IndexOptions::default() })
}

/// The events of `filter`, newest first; one that cannot be read is left out with a word.
fn entries(index: &Index, filter: &Filter, limit: u64) -> Result<Vec<Entry>> {
    let rows = index.query(filter, Page { skip: 0, limit })?;
    Ok(rows.iter().filter_map(|row| entry(index, &row.dir)).collect())
}

fn html(index: &Index, filter: &Filter, args: &Args, file: &Path) -> Result<()> {
    let limit = args.limit.unwrap_or(DEFAULT_LIMIT);
    let n_all = index.count(filter)?;
    let entries = entries(index, filter, limit)?;
    let labels = index.labels(&Filter::default())?.into_iter().map(|(label, _)| label).collect();
    let left_out = n_all.saturating_sub(limit);
    let options = PageOptions { components: !args.no_components, left_out, labels, made: Timestamp::now() };
    let bytes = write_whole(readers(index, entries.first().map(|e| e.key.as_str())), file, |out| {
        write_page(out, &entries, &options)
    })?;
    let size = format!("{:.1} MB", bytes as f64 / 1e6);
    let mut said = format!("{} events in {} ({size})", entries.len(), file.display());
    if left_out > 0 {
        said += &format!("; {left_out} older ones are left out: choose with filters, or give --limit {n_all}");
    }
    if bytes > LARGE_PAGE_BYTES && options.components {
        said += "; --no-components makes it a third smaller";
    }
    output::note(&said);
    Ok(())
}

fn take_in(index: &mut Index, file: &Path) -> Result<()> {
    let feedback = Feedback::read(file)?;
    let dir = index.dir().to_path_buf();
    let done = import(&dir, &feedback, Timestamp::now(), |key, marks| index.set_marks(key, marks))?;
    let mut said = format!("{}: {} events marked, {} ratings taken in", file.display(), done.marked, done.rated);
    if done.newer > 0 {
        said += &format!("; {} events have newer marks, which stay", done.newer);
    }
    if done.from_future > 0 {
        said += &format!(
            "; {} are dated in the future and refused: set the clock of the computer that made the file, and mark them again",
            done.from_future
        );
    }
    if !done.missing.is_empty() {
        let first: Vec<&str> = done.missing.iter().take(3).map(String::as_str).collect();
        let more = if done.missing.len() > first.len() { ", …" } else { "" };
        said += &format!("; not there (any more): {} ({}{more})", done.missing.len(), first.join(", "));
    }
    output::print(&format!("{}\n", printable(&said)))
}

/// `text` with `?` for control characters: it may come from elsewhere, and goes onto a terminal.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "?")
}

fn read_files(files: &[PathBuf]) -> Result<Vec<Rating>> {
    let mut all = Vec::new();
    for file in files {
        all.extend(Feedback::read(file)?.ratings);
    }
    Ok(newest(all, latest(Timestamp::now())))
}

fn read_folders(index: &Index, filter: &Filter) -> Result<Vec<Rating>> {
    let mut all = Vec::new();
    for row in index.query(filter, Page::ALL)? {
        all.extend(read_ratings(&index.folder(&row.dir))?);
    }
    Ok(newest(all, latest(Timestamp::now())))
}

fn print_ratings(ratings: Vec<Rating>) -> Result<()> {
    if ratings.is_empty() {
        output::note(
            "there are no ratings; the page of `review DIR --html FILE` has a listening test that collects them",
        );
        return Ok(());
    }
    let (sums, answers) = (summarize(&ratings), understood(&ratings));
    let mut text = String::new();
    if !sums.is_empty() {
        text += &output::columns(&rating_rows(sums));
    }
    if !answers.is_empty() {
        let gap = if text.is_empty() { "" } else { "\n" };
        text += &format!("{gap}what people believed that the model said\n\n{}", output::columns(&answer_rows(answers)));
    }
    output::print(&text)
}

fn rating_rows(sums: Vec<Summary>) -> Vec<Vec<String>> {
    let mut rows =
        vec![["label", "condition", "ratings", "raters", "mean", "95 % interval"].map(str::to_owned).to_vec()];
    for summary in sums {
        rows.push(vec![
            summary.label.map_or("(all)".to_owned(), |label| printable(&label)),
            printable(&summary.condition),
            summary.n.to_string(),
            summary.n_raters.to_string(),
            format!("{:.1}", summary.mean),
            summary.interval.map_or("–".to_owned(), |(low, high)| format!("{low:.1} to {high:.1}")),
        ]);
    }
    rows
}

fn answer_rows(answers: Vec<Understood>) -> Vec<Vec<String>> {
    let mut rows = vec![
        ["label", "format", "answers", "raters", "right", "informedness", "markedness"].map(str::to_owned).to_vec(),
    ];
    let figure = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:+.2}"));
    for answer in answers {
        rows.push(vec![
            answer.label.map_or("(all)".to_owned(), |label| printable(&label)),
            printable(&answer.format),
            answer.n.to_string(),
            answer.n_raters.to_string(),
            format!("{:.0} %", 100.0 * answer.right),
            figure(answer.informedness),
            figure(answer.markedness),
        ]);
    }
    rows
}

#[cfg(feature = "tui")]
fn screen(index: Index, filter: Filter, args: &Args, config: &crate::config::Config) -> Result<()> {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use crate::audio::listen_spec::ListenSpec;

    let listen: ListenSpec = args.listen.parse()?;
    if listen == ListenSpec::Jack {
        return Err(Error::usage("review plays on a sound device; use --listen device, device:ID or off"));
    }
    let options = super::monitor::ui_options(config);
    let quit = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&quit))
            .map_err(|e| Error::bug(format!("signals cannot be watched ({e}); please report this")))?;
    }
    crate::review::tui::run(index, filter, listen, options, &quit)
}

#[cfg(not(feature = "tui"))]
fn screen(_: Index, _: Filter, _: &Args, _: &crate::config::Config) -> Result<()> {
    Err(Error::usage("this build has no terminal UI; use --html, --export, --import or --ratings"))
}
