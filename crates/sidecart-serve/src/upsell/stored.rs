use sidecart_artifact::{Container, ContainerWriter, Element, read_id_table, read_texts};
use sidecart_core::{Clock, IdTable, ItemId, Money, TextTable};

use super::{
    Calibrated, Calibration, Family, Label, LadderInfo, LadderItem, LadderTable, LogisticModel, Market,
    N_TARGET_FEATURES, PlanArrays, PromotionKinds, PromotionPlan, RateCell, RateParts, RateTable, Regime, SwitchTable,
    TargetModel, TargetModels, UpsellModel, UpsellSettings, n_used_features,
};
use crate::error::{Error, Result};
use crate::model::vector;
use crate::sections as names;
use crate::settings::Mode;
use crate::trees::TreeEnsemble;

/// "Unknown" among margins and log sizes.
const NO_MARGIN: i64 = i64::MIN;
const NO_SIZE: f32 = -1_000.0;

fn broken(section: &'static str) -> impl Fn(String) -> Error {
    move |problem| Error::Model {
        section,
        problem: "the tables contradict each other",
        expected: "tables of one training".into(),
        got: problem,
    }
}

fn rows_of<T: Element, const N: usize>(container: &Container, name: &str) -> Result<Vec<[T; N]>> {
    let section = container.section::<T>(name)?;
    let section = container.matrix::<T>(name, section.rows(), N)?;
    Ok(container.get(&section).as_chunks::<N>().0.to_vec())
}

impl UpsellModel {
    /// Adds the model's tensors.
    ///
    /// # Errors
    /// [`Error::Artifact`] when a tensor cannot be written.
    pub fn write(&self, writer: &mut ContainerWriter<'_>) -> Result<()> {
        let ladders = &self.ladders;
        write_owned_texts(writer, ladders.ladders().iter().map(|l| l.name.as_str()).collect())?;
        let facts: Vec<u32> = ladders
            .ladders()
            .iter()
            .flat_map(|l| [l.log_centres.len() as u32, u32::from(l.given), l.label as u32, u32::from(l.used)])
            .collect();
        let n_ladders = ladders.n_ladders();
        writer.add_owned(names::LADDER_FACTS, facts, &[n_ladders, 4])?;
        let side: Vec<f32> = ladders.ladders().iter().map(|l| l.side_by_side.unwrap_or(0.0)).collect();
        writer.add_owned(names::LADDER_SIDE_BY_SIDE, side, &[n_ladders])?;
        let several = (0u32..).zip(ladders.ladders()).filter(|(_, l)| !l.one_is_enough).map(|(at, _)| at);
        let several: Vec<u32> = several.collect();
        let n_several = several.len();
        writer.add_owned(names::LADDER_SEVERAL, several, &[n_several])?;
        let centres: Vec<f32> = ladders.ladders().iter().flat_map(|l| &l.log_centres).copied().collect();
        writer.add_owned(names::TIER_CENTRES, centres, &[ladders.n_tiers()])?;
        let rows = ladders.rows();
        let bits = |r: &LadderItem| u32::from(r.private_label) | u32::from(r.in_stock) << 1;
        let facts: Vec<u32> = rows.iter().flat_map(|r| [r.item.0, r.ladder, r.level, r.maker, bits(r)]).collect();
        writer.add_owned(names::LADDER_ROWS, facts, &[rows.len(), 5])?;
        let money: Vec<i64> = rows.iter().flat_map(|r| [r.price.0, r.margin.map_or(NO_MARGIN, |m| m.0)]).collect();
        writer.add_owned(names::LADDER_MONEY, money, &[rows.len(), 2])?;
        let sizes: Vec<f32> = rows.iter().map(|r| r.log_size.unwrap_or(NO_SIZE)).collect();
        writer.add_owned(names::LADDER_SIZES, sizes, &[rows.len()])?;

        let (first, n_periods, sold) = self.market.parts();
        writer.add_owned(names::MARKET_FIRST, vec![first], &[1])?;
        writer.add_owned(names::MARKET_SOLD, sold.to_vec(), &[rows.len(), n_periods + 1])?;

        let RateParts { globals, segments, tiers, keys, cells } = self.rates.parts();
        for (name, cells) in [
            (names::RATES_GLOBAL, &globals),
            (names::RATES_SEGMENTS, &segments),
            (names::RATES_TIERS, &tiers),
            (names::RATES_CELLS, &cells),
        ] {
            write_cells(writer, name, cells)?;
        }
        let n_cells = keys.len();
        writer.add_owned(names::RATES_CELL_KEYS, keys, &[n_cells])?;

        for (regime, promotions, m) in self.logistic.iter() {
            let prefix = format!("{}.{}", names::LOGISTIC, Family::<LogisticModel>::name(regime, promotions));
            write_columns(
                writer,
                &format!("{prefix}.columns"),
                [&m.model.means, &m.model.inverse_scales, &m.model.coefficients],
            )?;
            write_calibration(writer, &prefix, m.model.intercept, &m.calibration)?;
        }
        for (regime, promotions, m) in self.trees.iter() {
            let prefix = format!("{}.{}", names::TREES, Family::<TreeEnsemble>::name(regime, promotions));
            m.model.write(writer, &prefix)?;
            write_calibration(writer, &prefix, 0.0, &m.calibration)?;
        }
        for (name, model) in self.targets.iter() {
            if let TargetModel::Logit { means, inverse_scales, coefficients } = model {
                write_columns(writer, &format!("{}.{name}", names::TARGETS), [means, inverse_scales, coefficients])?;
            }
        }
        let (offsets, targets, counts) = self.switches.parts();
        writer.add_owned(names::SWITCH_OFFSETS, offsets.to_vec(), &[offsets.len()])?;
        writer.add_owned(names::SWITCH_TARGETS, targets.to_vec(), &[targets.len()])?;
        writer.add_owned(names::SWITCH_COUNTS, counts.to_vec(), &[counts.len()])?;
        if let Some(plan) = &self.promotions {
            write_plan(writer, plan)?;
            write_id_table_owned(writer, &self.stores)?;
        }
        Ok(())
    }

    /// Reads the model of a checked container; `None` where it has none. Every number is checked
    /// before it is used.
    ///
    /// # Errors
    /// [`Error::Artifact`] for a missing or misshapen tensor, [`Error::Model`] where tensors
    /// contradict each other.
    pub fn read(
        container: &Container,
        settings: Option<&UpsellSettings>,
        clock: Clock,
        n_items: usize,
    ) -> Result<Option<Self>> {
        let Some(settings) = settings.cloned() else { return Ok(None) };
        settings.check().map_err(|problem| Error::Settings { problem })?;
        let ladders = read_ladders(container, n_items)?;
        let n_segments = settings.segments.len();

        let first: Vec<i32> = vector(container, names::MARKET_FIRST)?;
        let [first] = first[..] else { return Err(broken(names::MARKET_FIRST)(format!("{} periods", first.len()))) };
        let sold = container.section::<u32>(names::MARKET_SOLD)?;
        let n_periods = sold.cols().saturating_sub(1);
        let market = Market::from_parts(&ladders, first, n_periods, container.get(&sold).to_vec())
            .map_err(broken(names::MARKET_SOLD))?;

        let parts = RateParts {
            globals: read_cells(container, names::RATES_GLOBAL)?,
            segments: read_cells(container, names::RATES_SEGMENTS)?,
            tiers: read_cells(container, names::RATES_TIERS)?,
            cells: read_cells(container, names::RATES_CELLS)?,
            keys: vector(container, names::RATES_CELL_KEYS)?,
        };
        let rates = RateTable::new(parts, &ladders, n_segments).map_err(broken(names::RATES_TIERS))?;

        let mut logistic = Family::default();
        let mut trees = Family::default();
        for regime in Regime::ALL {
            for promotions in [false, true] {
                let n = n_used_features(promotions);
                let prefix = format!("{}.{}", names::LOGISTIC, Family::<LogisticModel>::name(regime, promotions));
                if container.contains(&format!("{prefix}.columns")) {
                    let [means, inverse_scales, coefficients] =
                        read_columns(container, &format!("{prefix}.columns"), n)?;
                    let (intercept, calibration) = read_calibration(container, &prefix, n_segments)?;
                    let model = LogisticModel { means, inverse_scales, coefficients, intercept };
                    logistic.set(regime, promotions, Calibrated { model, calibration });
                }
                let prefix = format!("{}.{}", names::TREES, Family::<TreeEnsemble>::name(regime, promotions));
                if container.contains(&format!("{prefix}.offsets")) {
                    let model = TreeEnsemble::read(container, &prefix, n)?;
                    let (_, calibration) = read_calibration(container, &prefix, n_segments)?;
                    trees.set(regime, promotions, Calibrated { model, calibration });
                }
            }
        }
        let mut targets = TargetModels::default();
        for mode in [Mode::Completion, Mode::Discovery] {
            for promotions in [false, true] {
                let name = format!("{}.{}", names::TARGETS, TargetModels::name(mode, promotions));
                if container.contains(&name) {
                    let [means, inverse_scales, coefficients] = read_columns(container, &name, N_TARGET_FEATURES)?;
                    targets.set(mode, promotions, TargetModel::Logit { means, inverse_scales, coefficients });
                }
            }
        }
        let switches = SwitchTable::new(
            &ladders,
            vector(container, names::SWITCH_OFFSETS)?,
            vector(container, names::SWITCH_TARGETS)?,
            vector(container, names::SWITCH_COUNTS)?,
        )
        .map_err(broken(names::SWITCH_TARGETS))?;
        let has_plan = container.contains(&format!("{}.groups", names::PROMOTION_PLAN));
        let promotions = has_plan.then(|| read_plan(container, &settings, &ladders, n_items)).transpose()?;
        let stores = if has_plan { read_id_table(container, names::PROMOTION_STORES)? } else { IdTable::default() };
        let periods = settings.periods(clock);
        Ok(Some(Self {
            settings,
            periods,
            ladders,
            market,
            rates,
            logistic,
            trees,
            targets,
            switches,
            promotions,
            stores,
        }))
    }
}

fn write_plan(writer: &mut ContainerWriter<'_>, plan: &PromotionPlan) -> Result<()> {
    let PlanArrays { groups, ladder_offsets, ladders, masks, item_offsets, items, kinds_of_items } = plan.arrays();
    let name = |part: &str| format!("{}.{part}", names::PROMOTION_PLAN);
    let n_slots = plan.kinds().n_slots();
    writer.add_owned(&name("groups"), groups.clone(), &[groups.len()])?;
    writer.add_owned(&name("ladder_offsets"), ladder_offsets.clone(), &[ladder_offsets.len()])?;
    writer.add_owned(&name("ladders"), ladders.clone(), &[ladders.len()])?;
    writer.add_owned(&name("masks"), masks.clone(), &[ladders.len(), n_slots])?;
    writer.add_owned(&name("item_offsets"), item_offsets.clone(), &[item_offsets.len()])?;
    writer.add_owned(&name("items"), items.clone(), &[items.len()])?;
    writer.add_owned(&name("kinds_of_items"), kinds_of_items.clone(), &[items.len()])?;
    Ok(())
}

fn read_plan(
    container: &Container,
    settings: &UpsellSettings,
    ladders: &LadderTable,
    n_items: usize,
) -> Result<PromotionPlan> {
    let kinds = PromotionKinds::from_names(settings.promotion_kinds.iter().map(String::as_str).collect())?;
    let name = |part: &str| format!("{}.{part}", names::PROMOTION_PLAN);
    let arrays = PlanArrays {
        groups: vector(container, &name("groups"))?,
        ladder_offsets: vector(container, &name("ladder_offsets"))?,
        ladders: vector(container, &name("ladders"))?,
        masks: vector(container, &name("masks"))?,
        item_offsets: vector(container, &name("item_offsets"))?,
        items: vector(container, &name("items"))?,
        kinds_of_items: vector(container, &name("kinds_of_items"))?,
    };
    let n_tiers: Vec<u8> = ladders.ladders().iter().map(|l| l.log_centres.len() as u8).collect();
    PromotionPlan::from_parts(kinds, arrays, n_items, &n_tiers)
}

fn write_id_table_owned(writer: &mut ContainerWriter<'_>, ids: &IdTable) -> Result<()> {
    let name = |part: &str| format!("{}.{part}", names::PROMOTION_STORES);
    match ids {
        IdTable::Int(ids) => writer.add_owned(&name("ints"), ids.clone(), &[ids.len()])?,
        IdTable::Text(texts) => {
            let (offsets, bytes) = texts.parts();
            writer.add_owned(&name("offsets"), offsets.to_vec(), &[offsets.len()])?;
            writer.add_owned(&name("bytes"), bytes.to_vec(), &[bytes.len()])?;
        }
    }
    Ok(())
}

fn write_owned_texts(writer: &mut ContainerWriter<'_>, texts: Vec<&str>) -> Result<()> {
    let table: TextTable = texts.into_iter().collect();
    let (offsets, bytes) = table.parts();
    writer.add_owned(&format!("{}.offsets", names::LADDER_NAMES), offsets.to_vec(), &[offsets.len()])?;
    writer.add_owned(&format!("{}.bytes", names::LADDER_NAMES), bytes.to_vec(), &[bytes.len()])?;
    Ok(())
}

fn read_ladders(container: &Container, n_items: usize) -> Result<LadderTable> {
    let texts = read_texts(container, names::LADDER_NAMES)?;
    let facts = rows_of::<u32, 4>(container, names::LADDER_FACTS)?;
    let side: Vec<f32> = vector(container, names::LADDER_SIDE_BY_SIDE)?;
    let centres: Vec<f32> = vector(container, names::TIER_CENTRES)?;
    if texts.len() != facts.len() || side.len() != facts.len() {
        return Err(broken(names::LADDER_FACTS)(format!("{} names and {} ladders", texts.len(), facts.len())));
    }
    let mut left = &centres[..];
    let mut infos = Vec::with_capacity(facts.len());
    for (at, &[n_tiers, given, label, used]) in facts.iter().enumerate() {
        let Some((log_centres, rest)) = left.split_at_checked(n_tiers as usize) else {
            return Err(broken(names::TIER_CENTRES)(format!("{} tiers, too few", centres.len())));
        };
        left = rest;
        let label = Label::ALL.get(label as usize).copied();
        let (Some(label), true) = (label, given <= 1 && used <= 1) else {
            return Err(broken(names::LADDER_FACTS)(format!("ladder {at} has {:?}", facts[at])));
        };
        infos.push(LadderInfo {
            name: texts.get(at).to_owned(),
            given: given == 1,
            label,
            used: used == 1,
            one_is_enough: true,
            side_by_side: Some(side[at]).filter(|&ratio| ratio > 0.0),
            log_centres: log_centres.to_vec(),
        });
    }
    if !left.is_empty() {
        return Err(broken(names::TIER_CENTRES)(format!("{} tiers, too many", centres.len())));
    }
    // Absent in older versions.
    if container.contains(names::LADDER_SEVERAL) {
        for ladder in vector::<u32>(container, names::LADDER_SEVERAL)? {
            let Some(info) = infos.get_mut(ladder as usize) else {
                return Err(broken(names::LADDER_SEVERAL)(format!("ladder {ladder} of {}", infos.len())));
            };
            info.one_is_enough = false;
        }
    }
    let facts = rows_of::<u32, 5>(container, names::LADDER_ROWS)?;
    let money = rows_of::<i64, 2>(container, names::LADDER_MONEY)?;
    let sizes: Vec<f32> = vector(container, names::LADDER_SIZES)?;
    if money.len() != facts.len() || sizes.len() != facts.len() {
        let got = format!("{}, {} and {} rows", facts.len(), money.len(), sizes.len());
        return Err(broken(names::LADDER_ROWS)(got));
    }
    let rows = facts.iter().zip(money).zip(sizes);
    let rows = rows.map(|((&[item, ladder, level, maker, bits], [price, margin]), size)| LadderItem {
        item: ItemId(item),
        ladder,
        level,
        price: Money(price),
        margin: (margin != NO_MARGIN).then_some(Money(margin)),
        maker,
        private_label: bits & 1 == 1,
        log_size: (size > NO_SIZE).then_some(size),
        in_stock: bits & 2 == 2,
    });
    LadderTable::new(n_items, rows.collect(), infos).map_err(broken(names::LADDER_ROWS))
}

fn write_cells(writer: &mut ContainerWriter<'_>, name: &str, cells: &[RateCell]) -> Result<()> {
    let counts: Vec<u32> = cells.iter().flat_map(|c| [c.events, c.upgrades, c.customers]).collect();
    let rates: Vec<f32> = cells.iter().flat_map(|c| [c.rate, c.low, c.high]).collect();
    writer.add_owned(&format!("{name}.counts"), counts, &[cells.len(), 3])?;
    writer.add_owned(&format!("{name}.rates"), rates, &[cells.len(), 3])?;
    Ok(())
}

fn read_cells(container: &Container, name: &'static str) -> Result<Vec<RateCell>> {
    let counts = rows_of::<u32, 3>(container, &format!("{name}.counts"))?;
    let rates = rows_of::<f32, 3>(container, &format!("{name}.rates"))?;
    if counts.len() != rates.len() {
        return Err(broken(name)(format!("{} counts and {} rates", counts.len(), rates.len())));
    }
    let cells = counts.into_iter().zip(rates);
    Ok(cells
        .map(|([events, upgrades, customers], [rate, low, high])| RateCell {
            events,
            upgrades,
            customers,
            rate,
            low,
            high,
        })
        .collect())
}

fn write_columns(writer: &mut ContainerWriter<'_>, name: &str, columns: [&Vec<f32>; 3]) -> Result<()> {
    let n = columns[0].len();
    writer.add_owned(name, columns.into_iter().flatten().copied().collect(), &[3, n])?;
    Ok(())
}

fn read_columns(container: &Container, name: &str, n: usize) -> Result<[Vec<f32>; 3]> {
    let section = container.matrix::<f32>(name, 3, n)?;
    Ok([0, 1, 2].map(|row| container.row(&section, row).to_vec()))
}

fn write_calibration(
    writer: &mut ContainerWriter<'_>,
    prefix: &str,
    intercept: f32,
    calibration: &Calibration,
) -> Result<()> {
    let mut values = vec![intercept, calibration.slope, calibration.intercept];
    values.extend_from_slice(&calibration.shifts);
    let n = values.len();
    writer.add_owned(&format!("{prefix}.calibration"), values, &[n])?;
    Ok(())
}

fn read_calibration(container: &Container, prefix: &str, n_segments: usize) -> Result<(f32, Calibration)> {
    let section = container.vector::<f32>(&format!("{prefix}.calibration"), 3 + n_segments)?;
    let values = container.get(&section);
    if values[1] <= 0.0 {
        return Err(broken(names::LOGISTIC)(format!("a calibration of slope {}", values[1])));
    }
    Ok((values[0], Calibration { slope: values[1], intercept: values[2], shifts: values[3..].to_vec() }))
}
