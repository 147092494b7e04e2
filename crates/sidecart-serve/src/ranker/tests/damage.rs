//! What is written is read, and what is damaged is refused.

use super::*;

/// One tensor of a container, for damage.
#[derive(Clone, Debug)]
enum Tensor {
    Floats(Vec<f32>, Vec<usize>),
    Numbers(Vec<u32>, Vec<usize>),
    Features(Vec<u16>, Vec<usize>),
    Children(Vec<i32>, Vec<usize>),
    Ids(Vec<i64>, Vec<usize>),
}

type Tensors = BTreeMap<String, Tensor>;

/// The tensors of a ranker by name.
fn tensors(model: &RankerModel) -> Tensors {
    let mut writer = ContainerWriter::new();
    model.write(&mut writer).unwrap();
    let container = Container::from_bytes("ranker", &writer.to_bytes().unwrap()).unwrap();
    let tensor = |name: &str, dtype: Dtype, shape: Vec<usize>| match dtype {
        Dtype::F32 => Tensor::Floats(container.get(&container.section(name).unwrap()).to_vec(), shape),
        Dtype::U32 => Tensor::Numbers(container.get(&container.section(name).unwrap()).to_vec(), shape),
        Dtype::U16 => Tensor::Features(container.get(&container.section(name).unwrap()).to_vec(), shape),
        Dtype::I64 => Tensor::Ids(container.get(&container.section(name).unwrap()).to_vec(), shape),
        Dtype::I32 => Tensor::Children(container.get(&container.section(name).unwrap()).to_vec(), shape),
        other => panic!("{name} is {other}"),
    };
    container.tensors().map(|(name, info)| (name.to_owned(), tensor(name, info.dtype, info.shape.to_vec()))).collect()
}

fn read(tensors: &Tensors, settings: &RankerSettings) -> crate::Result<Option<RankerModel>> {
    let mut writer = ContainerWriter::new();
    for (name, tensor) in tensors {
        match tensor {
            Tensor::Floats(values, shape) => writer.add(name, values, shape).unwrap(),
            Tensor::Numbers(values, shape) => writer.add(name, values, shape).unwrap(),
            Tensor::Features(values, shape) => writer.add(name, values, shape).unwrap(),
            Tensor::Ids(values, shape) => writer.add(name, values, shape).unwrap(),
            Tensor::Children(values, shape) => writer.add(name, values, shape).unwrap(),
        }
    }
    let container = Container::from_bytes("ranker", &writer.to_bytes().unwrap()).unwrap();
    RankerModel::read(&container, Some(settings), N_ITEMS)
}

fn numbers<'t>(tensors: &'t mut Tensors, name: &str) -> &'t mut Vec<u32> {
    match tensors.get_mut(name) {
        Some(Tensor::Numbers(values, _)) => values,
        other => panic!("{name}: {other:?}"),
    }
}

/// Removes the last number of a list.
fn shorten(tensors: &mut Tensors, name: &str) {
    match tensors.get_mut(name) {
        Some(Tensor::Numbers(values, shape)) if shape.len() == 1 => {
            values.pop();
            shape[0] -= 1;
        }
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn damaged_tables_are_refused() {
    let model = ranker(&mut Rng::new(6, 3));
    let whole = tensors(&model);
    let settings = model.settings;
    assert!(read(&whole, &settings).is_ok(), "undamaged");
    let refused = |what: &str, damage: &dyn Fn(&mut Tensors)| -> String {
        let mut tensors = whole.clone();
        damage(&mut tensors);
        match read(&tensors, &settings) {
            Err(error @ (Error::Model { .. } | Error::Artifact(_))) => error.to_string(),
            Err(other) => panic!("{what}: {other}"),
            Ok(_) => panic!("{what} is read"),
        }
    };

    for (group, limit) in [N_KINDS as u32, 2, 3, N_LINES as u32].into_iter().enumerate() {
        for bad in [limit, u32::MAX - 1] {
            let said = refused("a group", &|t| numbers(t, names::RANKER_ITEM_GROUPS)[4 * 7 + group] = bad);
            assert!(said.contains(names::RANKER_ITEM_GROUPS) && said.contains(&format!("< {limit}")), "{said}");
        }
    }
    for name in [
        names::RANKER_PAIR_OFFSETS,
        names::RANKER_KIND_OFFSETS,
        names::RANKER_LINE_OFFSETS,
        names::RANKER_STORE_OFFSETS,
    ] {
        let said = refused("falling offsets", &|t| numbers(t, name)[1] = u32::MAX);
        assert!(said.contains(name), "{said}");
        let said = refused("offsets that skip the first value", &|t| numbers(t, name)[0] = 1);
        assert!(said.contains(name), "{said}");
        let said = refused("offsets beyond the values", &|t| *numbers(t, name).last_mut().unwrap() += 1);
        assert!(said.contains(name), "{said}");
        refused("a row less", &|t| shorten(t, name));
    }
    for (name, limit) in [
        (names::RANKER_PAIR_KINDS, N_KINDS),
        (names::RANKER_KIND_ITEMS, N_ITEMS),
        (names::RANKER_LINE_ITEMS, N_ITEMS),
        (names::RANKER_RECENT, N_ITEMS),
        (names::RANKER_STORE_ITEMS, N_ITEMS),
    ] {
        let said = refused("a number out of range", &|t| numbers(t, name)[0] = limit as u32);
        assert!(said.contains(name) && said.contains(&format!("< {limit}")), "{said}");
    }
    for name in
        [names::RANKER_PAIR_KINDS, names::RANKER_KIND_ITEMS, names::RANKER_LINE_ITEMS, names::RANKER_STORE_ITEMS]
    {
        refused("a value less", &|t| shorten(t, name));
    }
    let said = refused("makers made up", &|t| numbers(t, names::RANKER_SIZES)[1] = u32::MAX);
    assert!(said.contains(names::RANKER_SIZES), "{said}");
    refused("one size", &|t| shorten(t, names::RANKER_SIZES));
    for name in [names::RANKER_ITEM_GROUPS, names::RANKER_ITEM_NUMBERS, names::RANKER_KINDS] {
        refused("a transposed table", &|t| match t.get_mut(name) {
            Some(Tensor::Floats(_, shape) | Tensor::Numbers(_, shape)) => shape.reverse(),
            other => panic!("{other:?}"),
        });
    }
    for name in whole.keys().filter(|name| !name.ends_with(".linear") && !name.ends_with("trees.offsets")) {
        refused(name, &|t| drop(t.remove(name)));
    }
    for part in ["light", "linear"] {
        refused("a narrower linear ranker", &|t| {
            let n = if part == "light" { N_LIGHT } else { N_FEATURES } - 1;
            t.insert(format!("{}.anonymous.{part}", names::RANKERS), Tensor::Floats(vec![0.0; 3 * n], vec![3, n]));
        });
    }
    refused("a feature that trees do not have", &|t| match t
        .get_mut(&format!("{}.anonymous.trees.features", names::RANKERS))
    {
        Some(Tensor::Features(values, _)) => values[0] = N_FEATURES as u16,
        other => panic!("{other:?}"),
    });
}

#[test]
fn settings_that_name_what_is_not_there_are_refused() {
    let mut model = ranker(&mut Rng::new(6, 3));
    model.situations[0] = None;
    model.situations[1].as_mut().unwrap().neural = None;
    model.situations[2].as_mut().unwrap().trees = None;
    let whole = tensors(&model);
    let with = |change: &dyn Fn(&mut RankerSettings)| {
        let mut settings = RankerSettings { stages: [Stage::Mixture; 3], ..model.settings };
        change(&mut settings);
        read(&whole, &settings)
    };
    assert!(with(&|_| ()).is_ok() && with(&|s| s.stages[1] = Stage::Trees).is_ok());
    assert!(with(&|s| s.stages[2] = Stage::Neural).is_ok());
    for (situation, stage) in
        [(0, Stage::Linear), (0, Stage::Trees), (0, Stage::Neural), (1, Stage::Neural), (2, Stage::Trees)]
    {
        let error = with(&|s| s.stages[situation] = stage).unwrap_err();
        let name = Situation::ALL[situation].name();
        assert!(matches!(&error, Error::Settings { problem } if problem.contains(name)), "{error}");
    }
    type Change = fn(&mut RankerSettings);
    let changes: [(&str, Change); 7] = [
        ("kept", |s| s.kept = 0),
        ("kept", |s| s.kept = u32::MAX),
        ("quotas.pool", |s| s.quotas.pool = 0),
        ("fast.pool", |s| s.fast.pool = 0),
        ("quotas.embeddings", |s| s.quotas.embeddings = u32::MAX),
        ("quotas.recent", |s| s.quotas.recent = 65_537),
        ("fast.own", |s| s.fast.own = u32::MAX),
    ];
    for (name, change) in changes {
        let error = with(&change).unwrap_err();
        assert!(matches!(&error, Error::Settings { problem } if problem.contains(name)), "{name}: {error}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(seed in any::<u64>(), without in prop::array::uniform3(0u8..4)) {
        let mut model = ranker(&mut Rng::new(seed, 3));
        for (situation, without) in without.into_iter().enumerate() {
            match without {
                0 => model.situations[situation] = None,
                1 => model.situations[situation].as_mut().unwrap().trees = None,
                2 => model.situations[situation].as_mut().unwrap().neural = None,
                _ => continue,
            }
            model.settings.stages[situation] = Stage::Mixture;
        }
        let read = read(&tensors(&model), &model.settings).unwrap().unwrap();
        prop_assert_eq!(read, model);
    }
}
