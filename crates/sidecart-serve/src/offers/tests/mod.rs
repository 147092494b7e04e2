//! Slates over small models made by hand.

mod concepts;
mod damage;
mod frontier;
mod optimum;
mod properties;
mod shops;

use sidecart_core::{ItemId, MICROS_PER_DAY, Money, Quantity, Time};

use super::session::{ItemKey, MAX_LIFETIME_S, SessionState};
use super::*;
use crate::Scorer;
use crate::upsell::Label;
use shops::{NOW, NOW_S, Shop, item, item_key, session};
