use anyhow::Result;
use serde_json::json;
use sidecart::REFERENCE;

use super::print;
use crate::args::ConfigArgs;

pub(crate) fn run(args: &ConfigArgs) -> Result<()> {
    if args.json {
        let keys: Vec<_> = REFERENCE
            .iter()
            .map(|k| json!({ "key": k.key, "default": k.default, "range": k.range, "meaning": k.meaning }))
            .collect();
        return print(&serde_json::to_string_pretty(&keys)?);
    }
    let mut text =
        String::from("# Every key with its default. Keys without a default must be given or may be left out.\n");
    let mut section = "";
    for key in REFERENCE {
        let (table, name) = key.key.rsplit_once('.').unwrap_or(("", key.key));
        if table != section {
            text.push_str(&format!("\n[{table}]\n"));
            section = table;
        }
        text.push_str(&format!("# {} ({})\n", key.meaning, key.range));
        match key.default {
            "" => text.push_str(&format!("# {name} =\n")),
            default => text.push_str(&format!("{name} = {default}\n")),
        }
    }
    print(&text)
}
