//! The scorer inside a service: `cargo run --release -p sidecart-serve --example embed -- models/shop phone-s22 case-s22`

use sidecart_core::ItemId;
use sidecart_serve::{Query, Scorer};

#[allow(clippy::print_stdout, reason = "an example prints")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let scorer = Scorer::open(args.next().ok_or("give a model folder and item ids")?)?;
    let mut scratch = scorer.scratch(); // one per thread; after the first queries nothing is allocated
    let basket: Vec<ItemId> = args.filter_map(|id| scorer.model().items().find_typed(&id).map(ItemId)).collect();
    let query = Query { basket: &basket, k: 5, ..Query::default() };
    let answer = scorer.recommend(&query, &mut scratch)?;
    for offer in answer.offers {
        let why = scorer.explain(&query, offer.item).text(scorer.model());
        println!("{:6.4}  {}  ({why})", offer.score, scorer.model().label(offer.item));
    }
    Ok(())
}
