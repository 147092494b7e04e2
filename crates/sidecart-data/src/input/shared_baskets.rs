//! Finds the two rows that give one basket to two customers.

use std::collections::HashMap;

use arrow_array::RecordBatch;

use super::files::ParquetInput;
use super::ids::for_each_id;
use super::interner::basket_key;
use super::purchase_columns::FileColumns;
use crate::error::{Error, Result, RowPosition};

/// A basket with the first row that names it.
struct Claim {
    position: RowPosition,
    basket: String,
    owner: String,
}

/// Reads basket and customer columns again, in file order, up to the first row that gives one of
/// the baskets in `keys` (sorted) to another customer than an earlier row did.
pub(crate) fn first_conflict(inputs: &[ParquetInput], columns: &[FileColumns], keys: &[u128]) -> Result<Error> {
    let mut claims: HashMap<u128, Claim> = HashMap::new();
    for (input, columns) in inputs.iter().zip(columns) {
        let Some(customer) = &columns.customer else { continue };
        let mut indexes = vec![columns.basket.index, customer.index];
        indexes.sort_unstable();
        indexes.dedup();
        for row_group in 0..input.n_row_groups() {
            let mut row_number = input.rows_before(row_group) + 1;
            for batch in input.read(row_group, &indexes)? {
                let batch = batch?;
                let place = |index: usize| indexes.binary_search(&index).expect("both are read");
                for (row, key, basket, owner) in
                    claims_of(&batch, place(columns.basket.index), place(customer.index), keys)
                {
                    let position = RowPosition { file: input.path.clone(), row_group, row: row_number + row as u64 };
                    match claims.get(&key) {
                        None => {
                            claims.insert(key, Claim { position, basket, owner });
                        }
                        Some(first) if first.owner != owner => {
                            return Ok(Error::BasketOfTwo {
                                first: Box::new(first.position.clone()),
                                second: Box::new(position),
                                column: columns.basket.column.as_str().into(),
                                basket: first.basket.as_str().into(),
                                first_customer: first.owner.as_str().into(),
                                second_customer: owner.into(),
                            });
                        }
                        Some(_) => {}
                    }
                }
                row_number += batch.num_rows() as u64;
            }
        }
    }
    Err(Error::Bug { what: format!("{} baskets were grouped under two customers but not found again", keys.len()) })
}

fn claims_of(batch: &RecordBatch, basket: usize, customer: usize, keys: &[u128]) -> Vec<(usize, u128, String, String)> {
    let mut hits = Vec::new();
    for_each_id(batch.column(basket), |row, id| {
        if let Ok(Some(id)) = id {
            let key = basket_key(id);
            if keys.binary_search(&key).is_ok() {
                hits.push((row, key, id.to_string(), String::new()));
            }
        }
    });
    let mut next = hits.iter_mut().peekable();
    for_each_id(batch.column(customer), |row, id| {
        if let Some(hit) = next.next_if(|hit| hit.0 == row) {
            hit.3 = match id {
                Ok(Some(id)) => format!("customer {id}"),
                _ => "no customer".to_owned(),
            };
        }
    });
    hits
}
