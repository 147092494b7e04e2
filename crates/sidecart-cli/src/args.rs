//! What the user typed.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

/// What to offer beside the cart: learns from Parquet purchase histories, answers in microseconds.
#[derive(Parser, Debug)]
#[command(name = "sidecart", version, about, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_help = "Start here:\n  sidecart demo                       a whole run on a built-in shop\n  sidecart train shop.toml            learn from your own purchases\n  sidecart recommend models/shop --basket phone-s22,case-s22\n\nExit codes: 0 done, 2 wrong use, 3 wrong data, 4 disk or memory, 70 a defect of sidecart."
)]
pub(crate) struct Args {
    /// Threads to use; results never depend on it [default: all cores]
    #[arg(long, global = true, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Memory for reading purchases, e.g. 512MiB or 8GiB; beyond a third of it rows wait in
    /// temporary files
    #[arg(long, global = true, value_name = "SIZE", default_value = "4GiB", value_parser = parse_memory)]
    pub(crate) memory: u64,
    /// No progress on stderr
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Build a demo shop, learn from it, measure, and answer for a few baskets
    #[command(after_help = "Example:\n  sidecart demo --out my-demo")]
    Demo(DemoArgs),
    /// Read purchases into a Statistics file, to train from later or to merge with others
    #[command(
        after_help = "Example:\n  sidecart count shop.toml --out monday.stats\n  sidecart train shop.toml --statistics sunday.stats monday.stats"
    )]
    Count(CountArgs),
    /// Learn from a history and publish a new version of a model
    #[command(
        after_help = "Examples:\n  sidecart train shop.toml                                  writes models/shop/<version>/\n  sidecart train --purchases p.parquet --items i.parquet --out models/shop"
    )]
    Train(TrainArgs),
    /// Answer: what goes with this basket, or what is a dearer version of it?
    #[command(
        after_help = "Examples:\n  sidecart recommend models/shop --basket phone-s22,case-s22 --explain\n  sidecart recommend models/shop --basket 1004906 --customer 42 --mode discovery -k 5 --json\n  sidecart recommend models/shop --queries q.parquet --history since.parquet --output answers.parquet"
    )]
    Recommend(RecommendArgs),
    /// Measure the offers on baskets the models have not seen, beside honest baselines
    #[command(
        after_help = "Examples:\n  sidecart evaluate shop.toml\n  sidecart evaluate shop.toml --mode discovery --report report.html\n  sidecart evaluate shop.toml --frontier=margin\n  sidecart evaluate shop.toml --using neighbours --json"
    )]
    Evaluate(EvaluateArgs),
    /// Correct the probabilities of offers by what logged exposures led to
    #[command(
        after_help = "Examples:\n  sidecart calibrate models/shop --exposures exposures/ --outcomes bought.jsonl\n  sidecart calibrate models/shop --exposures log.parquet --json\n\nNeeds a hold-out: offers that were chosen and withheld at random. Without one, what is bought is\nattributed to offers and not shown to come from them."
    )]
    Calibrate(CalibrateArgs),
    /// List what is bought together more often than chance explains
    #[command(
        after_help = "Examples:\n  sidecart associations shop.toml\n  sidecart associations shop.toml --level brand --json"
    )]
    Associations(AssociationsArgs),
    /// Answer over HTTP, with every model below a folder
    #[command(
        after_help = "Examples:\n  sidecart serve models                                 try it at http://127.0.0.1:8080/\n  sidecart serve models --listen 0.0.0.0:8080 --token-env SIDECART_TOKEN\n  sidecart serve models --exposures shown --hold-out 0.05"
    )]
    Serve(ServeArgs),
    /// Show what a model holds
    #[command(
        after_help = "Examples:\n  sidecart inspect models/shop\n  sidecart inspect models/shop --item phone-s22\n  sidecart inspect models/shop --verify"
    )]
    Inspect(InspectArgs),
    /// Explain the configuration file
    #[command(after_help = "Example:\n  sidecart config --reference")]
    Config(ConfigArgs),
}

#[derive(ClapArgs, Debug)]
pub(crate) struct DemoArgs {
    /// Folder for the tables and, in models/shop, the model
    #[arg(long, value_name = "DIR", default_value = "sidecart-demo")]
    pub(crate) out: PathBuf,
    /// Another seed gives another shop of the same kind
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct CountArgs {
    /// Configuration file
    pub(crate) config: PathBuf,
    /// The Statistics file to write
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct TrainArgs {
    /// Configuration file
    #[arg(required_unless_present = "purchases")]
    pub(crate) config: Option<PathBuf>,
    /// Learn from Statistics files instead of reading the purchases again
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) statistics: Vec<PathBuf>,
    /// Purchases, without a configuration file: a file, folder or glob
    #[arg(long, value_name = "PATH", conflicts_with = "config", requires = "out")]
    pub(crate) purchases: Option<PathBuf>,
    /// Item table: a file, folder or glob
    #[arg(long, value_name = "PATH", requires = "purchases")]
    pub(crate) items: Option<PathBuf>,
    /// Customer table
    #[arg(long, value_name = "PATH", requires = "purchases")]
    pub(crate) customers: Option<PathBuf>,
    /// Promotion calendar
    #[arg(long, value_name = "PATH", requires = "purchases")]
    pub(crate) promotions: Option<PathBuf>,
    /// Model folder; versions are written below it [default: models/ and the name of the configuration file]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ModeArg {
    /// What completes the basket, things bought before included
    Completion,
    /// Only what the customer never bought
    Discovery,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum KindArg {
    /// Something to add to the basket
    CrossSell,
    /// A dearer version of the basket's last item that has one
    Upsell,
    /// What belongs to an item of the basket, such as a warranty
    AddOn,
    /// Something to add, then dearer versions, up to K of each; with --touchpoint one slate of all kinds
    Any,
}

/// Touchpoints of the journey.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum TouchpointArg {
    /// The door of the shop
    Home,
    /// A list of items
    Category,
    /// The page of an item
    Product,
    /// The cart
    Cart,
    /// The checkout
    Checkout,
    /// After the order
    #[value(alias = "post-purchase")]
    PostPurchase,
    /// A message
    Email,
}

/// What can be measured; each kind has a protocol of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum MeasuredKindArg {
    /// Hidden items of baskets
    CrossSell,
    /// Probabilities of going up, and the dearer items offered
    Upsell,
}

/// What money is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum MoneyArg {
    /// What is earned
    Margin,
    /// What is taken
    Revenue,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum UsingArg {
    /// The best the model has
    Default,
    /// All parts, weighted
    Mixture,
    /// Nearest items of the basket's items
    Neighbours,
    /// The linear item model over the basket's items
    Ease,
    /// Vectors of items and basket
    Embeddings,
    /// Past baskets that resemble this one
    Baskets,
    /// The customer's own past
    Own,
    /// How often and how lately the customer bought the item
    OwnFrequency,
    /// What most people buy
    Popular,
    /// A linear ranker over few candidates, for the tightest time limits
    Fast,
    /// The linear ranker alone
    Linear,
    /// Upsell: shrunk rates of ladder, segment and customer
    Rates,
    /// Upsell: logistic regression
    Logistic,
    /// Boosted trees: the ranker of cross-sells, the propensity of upsells
    Trees,
    /// The neural ranker
    Neural,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum TimeUnitArg {
    /// A bare order
    Order,
    /// Days
    Days,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct RecommendArgs {
    /// Model folder, or one version below it
    pub(crate) model: PathBuf,
    /// Items in the basket, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "IDS", required_unless_present_any = ["queries", "customer"])]
    pub(crate) basket: Vec<String>,
    /// Who asks
    #[arg(long, value_name = "ID")]
    pub(crate) customer: Option<String>,
    /// The customer's segment, in place of the one the model knows; for upsell
    #[arg(long, value_name = "NAME", conflicts_with = "queries")]
    pub(crate) segment: Option<String>,
    /// The store the customer is in: what sells there (where a ranker other than `fast` answers) and,
    /// for upsell, what is on promotion there
    #[arg(long, value_name = "ID", conflicts_with = "queries")]
    pub(crate) store: Option<String>,
    /// When; 2025-06-30 or 2025-06-30T12:00:00, or a number where times are numbers [default: just
    /// after the end of training]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// What to offer
    #[arg(long, value_enum, default_value_t = KindArg::CrossSell)]
    pub(crate) kind: KindArg,
    /// Where on the way to a purchase: the policy of the model says which kinds are offered there. A
    /// file of queries may say it in a column touchpoint
    #[arg(long, value_enum, value_name = "T")]
    pub(crate) touchpoint: Option<TouchpointArg>,
    /// Complete the basket, or show only what is new to the customer
    #[arg(long, value_enum, default_value_t = ModeArg::Completion)]
    pub(crate) mode: ModeArg,
    /// One part of the model alone; with --kind any and add-on only default
    #[arg(long, value_enum, default_value_t = UsingArg::Default)]
    pub(crate) using: UsingArg,
    /// Items that may not come back, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "IDS")]
    pub(crate) exclude: Vec<String>,
    /// How many answers of a kind
    #[arg(short, long = "top", value_name = "K", default_value_t = 10)]
    pub(crate) k: usize,
    /// Say why: which basket item speaks, customers and baskets behind it, lift. Answers to a file
    /// of queries always do
    #[arg(long)]
    pub(crate) explain: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Answer a Parquet file of queries: query_id, items (lists) and, where known, customer_id,
    /// timestamp, store_id and touchpoint; for upsell also segment
    #[arg(long, value_name = "FILE", requires = "output", conflicts_with_all = ["basket", "customer", "at"])]
    pub(crate) queries: Option<PathBuf>,
    /// Parquet file for the answers, one row an offer
    #[arg(long, value_name = "FILE", requires = "queries")]
    pub(crate) output: Option<PathBuf>,
    /// Purchases since training, with the columns of `train --purchases`; each query sees only what
    /// is before its own time. Anonymous ones count for what sells
    #[arg(long, value_name = "PATH")]
    pub(crate) history: Option<PathBuf>,
    /// Promotions (item_id, starts_at, ends_at and, where known, store_id and kind) in place of
    /// those the model was trained with; for upsell
    #[arg(long, value_name = "PATH")]
    pub(crate) promotions: Option<PathBuf>,
    /// What integer times in the files of queries and history count
    #[arg(long, value_enum, default_value_t = TimeUnitArg::Order)]
    pub(crate) time_unit: TimeUnitArg,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct EvaluateArgs {
    /// Configuration file
    pub(crate) config: PathBuf,
    /// What to measure
    #[arg(long, value_enum, default_value_t = MeasuredKindArg::CrossSell)]
    pub(crate) kind: MeasuredKindArg,
    /// Complete baskets, or find what is new to the customer
    #[arg(long, value_enum, default_value_t = ModeArg::Completion)]
    pub(crate) mode: ModeArg,
    /// One part of the model alone
    #[arg(long, value_enum)]
    pub(crate) using: Option<UsingArg>,
    /// What each source of candidates and each group of features is worth: the ranker is learned
    /// again and again, each time without one of them
    #[arg(long, conflicts_with_all = ["using", "kind"])]
    pub(crate) ablation: bool,
    /// How much relevance more money costs: slates of things to add, under the shop's policy, from the
    /// most relevant to the most valuable. Money is what the policy counts, unless it is given; else the
    /// margin, or the revenue where the shop says no margin
    #[arg(
        long,
        value_enum,
        value_name = "MONEY",
        num_args = 0..=1,
        require_equals = true,
        conflicts_with_all = ["using", "kind", "ablation"]
    )]
    pub(crate) frontier: Option<Option<MoneyArg>>,
    /// Measure on Statistics files instead of reading the purchases again
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) statistics: Vec<PathBuf>,
    /// Write a page with tables and plots
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Write the figures as JSON to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct CalibrateArgs {
    /// Model folder, or one version below it
    pub(crate) model: PathBuf,
    /// Logs of exposures, JSON lines or Parquet: files or folders
    #[arg(long, value_name = "LOG", num_args = 1.., required = true)]
    pub(crate) exposures: Vec<PathBuf>,
    /// What was bought, of shown and of withheld offers: request_id and item, or customer_id, item
    /// and time, JSON lines or Parquet [default: `accepted` of the exposures]
    #[arg(long, value_name = "FILE")]
    pub(crate) outcomes: Option<PathBuf>,
    /// Days after an offer in which a customer's purchase counts as its outcome
    #[arg(long, value_name = "DAYS", default_value_t = sidecart::calibrate::WITHIN_DAYS)]
    pub(crate) within_days: f64,
    /// Model folder to publish into [default: that of the model]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct AssociationsArgs {
    /// Configuration file
    pub(crate) config: PathBuf,
    /// Between the values of an item column (a category, brand, ...) instead of between items
    #[arg(long, value_name = "COLUMN")]
    pub(crate) level: Option<String>,
    /// Pairs shown; --json prints all of them
    #[arg(short, long = "top", value_name = "K", default_value_t = 20)]
    pub(crate) k: usize,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct InspectArgs {
    /// Model folder, or one version below it
    pub(crate) model: PathBuf,
    /// Check every byte of every file
    #[arg(long)]
    pub(crate) verify: bool,
    /// Show what the model knows of an item
    #[arg(long, value_name = "ID")]
    pub(crate) item: Option<String>,
    /// Show a ladder: its number, its name, an item on it, or a part of the name
    #[arg(long, value_name = "ID|NAME-PART", conflicts_with = "item")]
    pub(crate) ladder: Option<String>,
    /// Show what a segment is like
    #[arg(long, value_name = "NAME", conflicts_with_all = ["item", "ladder"])]
    pub(crate) segment: Option<String>,
    /// Rows shown of each list
    #[arg(short, long = "top", value_name = "K", default_value_t = 10)]
    pub(crate) k: usize,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct ServeArgs {
    /// Folder of model folders: each subfolder with a file CURRENT is a model of its name. New
    /// versions answer as soon as they are published
    pub(crate) models: PathBuf,
    /// Where requests come in
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Where metrics and reloading are; not for the public
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9090", conflicts_with = "no_admin")]
    pub(crate) admin_listen: SocketAddr,
    /// No metrics and no reloading
    #[arg(long)]
    pub(crate) no_admin: bool,
    /// The model that answers where a request names none [default: the only one]
    #[arg(long, value_name = "NAME")]
    pub(crate) default_model: Option<String>,
    /// Requests have to bring the token that this environment variable holds
    #[arg(long, value_name = "VARIABLE")]
    pub(crate) token_env: Option<String>,
    /// Requests have to bring the token that this file holds
    #[arg(long, value_name = "FILE", conflicts_with = "token_env")]
    pub(crate) token_file: Option<PathBuf>,
    /// Seconds between two looks for new versions
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    pub(crate) watch: f64,
    /// Log what is shown, as JSON lines in this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) exposures: Option<PathBuf>,
    /// Share of customers who are shown nothing, so that the effect of showing can be measured
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, requires = "exposures")]
    pub(crate) hold_out: f64,
    /// Keep what visitors were shown and have declined in signed tokens that they bring along. The file
    /// holds 1 to 4 keys, one a line: the first signs, all are believed. Make one with
    /// `openssl rand -hex 32 > FILE`; servers that share visitors share it
    #[arg(long, value_name = "FILE")]
    pub(crate) session_key_file: Option<PathBuf>,
    /// Hours from the first answer of a session until its caps begin anew, at most 2160; what was
    /// declined stays known
    #[arg(long, value_name = "HOURS", default_value_t = 24.0, requires = "session_key_file")]
    pub(crate) session_hours: f64,
    /// Requests that may be scored at once; more wait in line, and are sent away with 503 when it gets
    /// long [default: 4 for each core]
    #[arg(long, value_name = "N")]
    pub(crate) in_flight: Option<usize>,
    /// Lines of purchases since training that are kept of each model
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    pub(crate) event_lines: usize,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct ConfigArgs {
    /// Print every key with default, range and meaning
    #[arg(long, required = true)]
    pub(crate) reference: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Least memory that reading is given.
const MIN_MEMORY: u64 = 16 << 20;

fn parse_memory(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|_| "expected a size such as 512MiB or 8GiB".to_owned())?;
    let scale: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" | "kb" => 1 << 10,
        "m" | "mib" | "mb" => 1 << 20,
        "g" | "gib" | "gb" => 1 << 30,
        "t" | "tib" | "tb" => 1 << 40,
        other => return Err(format!("unknown unit `{other}`; use MiB or GiB")),
    };
    let bytes = (number * scale as f64) as u64;
    if bytes < MIN_MEMORY { Err("at least 16MiB".into()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn sizes_are_read() {
        assert_eq!(parse_memory("512MiB"), Ok(512 << 20));
        assert_eq!(parse_memory("1.5 GiB"), Ok(3 << 29));
        assert!(parse_memory("1MiB").is_err());
        assert!(parse_memory("lots").is_err());
        assert!(parse_memory("4 parsecs").is_err());
    }
}
