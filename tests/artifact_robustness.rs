//! A damaged artifact is an error: never a panic, a wrong answer or memory asked for by a number
//! in the file. A killed publisher leaves the old version or the new one.
#![allow(unsafe_code, clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use sidecart_artifact::{
    Checks, Container, ContainerWriter, CustomerStore, CustomersSpec, Draft, Error, MANIFEST_FILE, MODEL_FILE, Mode,
    ModelFiles, RecordScratch, Staging, Version, publish, read_id_table, read_texts, resolve, write_id_table,
    write_texts,
};
use sidecart_core::{Customer, ExternalIdRef, IdKind, IdTable, ItemId, TextTable, Time, mix64};

const SHARD: &str = "customers/000.shard";
const N_CUSTOMERS: i64 = 24;
const MASKS: [u8; 3] = [0x01, 0x80, 0xff];

/// Counts what each thread allocates, so that tests beside each other do not mix.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged; the counters are plain cells of the
// calling thread without destructors, so touching them neither allocates nor fails.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        LARGEST.set(LARGEST.get().max(layout.size()));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs `work` and gives the largest single allocation it made.
fn largest_allocation<T>(work: impl FnOnce() -> T) -> (T, usize) {
    LARGEST.set(0);
    let result = work();
    (result, LARGEST.get())
}

/// A small complete version: 16 KiB of model, one shard, one manifest.
fn small_version(folder: &Path) -> (Vec<u8>, BTreeMap<String, Vec<u8>>) {
    let items = IdTable::from_texts((0..300).map(|i| format!("item {i}")));
    let names: TextTable = (0..300).map(|i| format!("Größe {i}")).collect();
    let vectors: Vec<f32> = (0..900).map(|i| i as f32 / 7.0 - 50.0).collect();
    let neighbours: Vec<u32> = (0..300).map(|i| (i * 7) % 300).collect();
    let mut writer = ContainerWriter::new();
    write_id_table(&mut writer, "items", &items).unwrap();
    write_texts(&mut writer, "names", &names).unwrap();
    writer.add("vectors", &vectors, &[300, 3]).unwrap();
    writer.add("neighbours", &neighbours, &[300]).unwrap();
    writer.metadata("about", "a small version").unwrap();

    let mut staging = Staging::begin(folder).unwrap();
    staging.write_container(MODEL_FILE, &writer).unwrap();
    let spec = CustomersSpec { n_customers: N_CUSTOMERS as u64, kind: IdKind::Int, n_items: 300 };
    let mut customers = staging.customers(spec).unwrap();
    let mut customer = Customer::default();
    for id in 0..N_CUSTOMERS {
        customer.clear();
        (customer.segment, customer.traits) = (Some(id as u16), vec![0.5; id as usize % 3]);
        for basket in 0..id % 3 + 1 {
            customer.history.push_lines(Time(basket), [(ItemId(id as u32), 1.5), (ItemId(299), 0.0)]);
        }
        customers.push(ExternalIdRef::Int(id), &customer).unwrap();
    }
    staging.add_customers(customers).unwrap();
    let draft = Draft { seed: 1, counts: [("items".into(), 300)].into(), ..Draft::default() };
    let version = folder.join(staging.publish(draft).unwrap().to_string());
    let files = [MODEL_FILE, SHARD].map(|name| (name.to_owned(), std::fs::read(version.join(name)).unwrap()));
    (std::fs::read(version.join(MANIFEST_FILE)).unwrap(), files.into())
}

fn in_memory() -> (Vec<u8>, BTreeMap<String, Vec<u8>>) {
    let folder = tempfile::tempdir().unwrap();
    small_version(folder.path())
}

/// Opens a shard and reads every customer.
fn read_all(shard: &[u8]) -> Result<(), Error> {
    let store = CustomerStore::from_shards(vec![(SHARD.into(), shard.to_vec())])?;
    let (mut scratch, mut customer) = (RecordScratch::default(), Customer::default());
    for id in 0..N_CUSTOMERS {
        assert!(store.read(ExternalIdRef::Int(id), &mut scratch, &mut customer)?, "customer {id} vanished");
        let history = &customer.history;
        assert!((0..history.len()).all(|i| history.get(i).items.iter().all(|item| item.0 < 300)));
    }
    Ok(())
}

/// Uses all of a container that could be opened; errors are fine, panics are not.
fn use_all(container: &Container) {
    let _ = read_id_table(container, "items");
    let _ = read_texts(container, "names");
    if let Ok(vectors) = container.section::<f32>("vectors") {
        assert!(container.get(&vectors).iter().all(|v| v.is_finite()));
    }
    if let Ok(neighbours) = container.section::<u32>("neighbours") {
        assert_eq!(container.get(&neighbours).len(), neighbours.len());
    }
}

#[test]
fn every_flipped_byte_of_every_file_is_an_error() {
    let (manifest, files) = in_memory();
    assert!(ModelFiles::from_memory(&manifest, files.clone()).is_ok());
    for at in 0..manifest.len() {
        for mask in MASKS {
            let mut changed = manifest.clone();
            changed[at] ^= mask;
            assert!(ModelFiles::from_memory(&changed, files.clone()).is_err(), "manifest {at} ^ {mask}");
        }
    }
    for (name, bytes) in &files {
        for at in 0..bytes.len() {
            for mask in MASKS {
                let mut changed = files.clone();
                changed.get_mut(name).unwrap()[at] ^= mask;
                assert!(ModelFiles::from_memory(&manifest, changed).is_err(), "{name} {at} ^ {mask}");
            }
        }
    }
}

#[test]
fn without_the_manifest_flips_are_errors_or_harmless() {
    let (_, mut files) = in_memory();
    let mut model = files.remove(MODEL_FILE).unwrap();
    for at in 0..model.len() {
        for mask in MASKS {
            model[at] ^= mask;
            if let Ok(container) = Container::from_bytes(MODEL_FILE, &model) {
                use_all(&container);
            }
            model[at] ^= mask;
        }
    }
    let mut shard = files.remove(SHARD).unwrap();
    read_all(&shard).unwrap();
    for at in 0..shard.len() {
        for mask in MASKS {
            shard[at] ^= mask;
            assert!(read_all(&shard).is_err(), "{at} ^ {mask}");
            shard[at] ^= mask;
        }
    }
}

#[test]
fn every_cut_and_every_extension_is_an_error() {
    let (manifest, files) = in_memory();
    let (model, shard) = (&files[MODEL_FILE], &files[SHARD]);
    for len in 0..manifest.len() {
        assert!(ModelFiles::from_memory(&manifest[..len], files.clone()).is_err(), "manifest cut at {len}");
    }
    for len in 0..model.len() {
        assert!(Container::from_bytes(MODEL_FILE, &model[..len]).is_err(), "model cut at {len}");
    }
    for len in 0..shard.len() {
        assert!(read_all(&shard[..len]).is_err(), "shard cut at {len}");
    }
    for n in [1, 7, 8, 4096] {
        for byte in [0, b' ', 0xff] {
            let longer = |bytes: &[u8]| [bytes, &vec![byte; n]].concat();
            assert!(ModelFiles::from_memory(&longer(&manifest), files.clone()).is_err());
            assert!(Container::from_bytes(MODEL_FILE, &longer(model)).is_err());
            assert!(read_all(&longer(shard)).is_err());
        }
    }
    assert!(Container::from_bytes(MODEL_FILE, &[model.as_slice(), model].concat()).is_err());
    assert!(read_all(&[shard.as_slice(), shard].concat()).is_err());
}

#[test]
fn numbers_in_headers_never_size_an_allocation() {
    let (manifest, files) = in_memory();
    let (model, shard) = (&files[MODEL_FILE], &files[SHARD]);
    let bombs = |len: usize| [0, 1, 1 << 31, 1 << 32, 1 << 63, u64::MAX - 1, u64::MAX, len as u64 + 1];
    let limit = 1 << 20;

    for bomb in bombs(model.len()) {
        let mut changed = model.clone();
        changed[..8].copy_from_slice(&bomb.to_le_bytes());
        let (opened, largest) = largest_allocation(|| Container::from_bytes(MODEL_FILE, &changed).map(drop));
        assert!(opened.is_err() && largest < limit, "header length {bomb}: {opened:?}, {largest} bytes");
    }
    let json_len = u64::from_le_bytes(model[..8].try_into().unwrap()) as usize;
    let json = std::str::from_utf8(&model[8..8 + json_len]).unwrap().trim_end();
    let digits = |at: usize| json.as_bytes()[at].is_ascii_digit() && !json.as_bytes()[at - 1].is_ascii_alphanumeric();
    let numbers: Vec<usize> = (1..json.len()).filter(|&at| digits(at)).collect();
    assert!(numbers.len() >= 6 * 3, "{numbers:?}");
    for at in numbers {
        let end = at + json[at..].bytes().take_while(u8::is_ascii_digit).count();
        for bomb in bombs(model.len()) {
            if json[at..end] == bomb.to_string() {
                continue;
            }
            let mut bombed = format!("{}{bomb}{}", &json[..at], &json[end..]);
            while !(bombed.len() + 8).is_multiple_of(64) {
                bombed.push(' ');
            }
            let changed = [&(bombed.len() as u64).to_le_bytes(), bombed.as_bytes(), &model[8 + json_len..]].concat();
            let (opened, largest) = largest_allocation(|| Container::from_bytes(MODEL_FILE, &changed).map(drop));
            assert!(opened.is_err() && largest < limit, "{bombed}: {opened:?}, {largest} bytes");
        }
    }
    for field in 0..8 {
        for bomb in bombs(shard.len()) {
            let mut changed = shard.clone();
            let at = changed.len() - 64 + 8 * field;
            changed[at..at + 8].copy_from_slice(&bomb.to_le_bytes());
            if &changed == shard {
                continue;
            }
            let (opened, largest) = largest_allocation(|| read_all(&changed));
            assert!(opened.is_err() && largest < limit, "footer field {field} = {bomb}: {largest} bytes");
        }
    }
    let deep = [b"{\"format\":".as_slice(), &b"[".repeat(100_000)].concat();
    let (opened, largest) = largest_allocation(|| ModelFiles::from_memory(&deep, files.clone()).map(drop));
    assert!(opened.is_err() && largest < limit);
    assert!(ModelFiles::from_memory(&manifest, files.clone()).is_ok());
}

#[test]
fn damage_on_disk_is_found_in_both_modes() {
    let folder = tempfile::tempdir().unwrap();
    let (_, files) = small_version(folder.path());
    let path = resolve(folder.path()).unwrap().join(MODEL_FILE);
    let model = &files[MODEL_FILE];
    for at in (0..model.len()).step_by(61) {
        let mut changed = model.clone();
        changed[at] ^= 0x10;
        std::fs::write(&path, &changed).unwrap();
        for mode in [Mode::Owned, Mode::Mapped] {
            assert!(ModelFiles::open(folder.path(), mode).is_err(), "{mode:?} {at}");
            let _ = ModelFiles::open_with(folder.path(), mode, Checks::Structure);
        }
    }
    std::fs::write(&path, model).unwrap();
    assert!(ModelFiles::open(folder.path(), Mode::Mapped).is_ok());
    for device in ["/dev/zero", "/dev/null"].map(Path::new).into_iter().filter(|device| device.exists()) {
        assert!(matches!(Container::open(device, Mode::Owned), Err(Error::NotAFile { .. })));
    }
}

#[test]
fn an_owned_model_outlives_its_file_and_a_mapped_one_its_name() {
    let folder = tempfile::tempdir().unwrap();
    small_version(folder.path());
    let version = resolve(folder.path()).unwrap();
    let owned = ModelFiles::open(&version, Mode::Owned).unwrap();
    let mapped = ModelFiles::open(&version, Mode::Mapped).unwrap();
    let vectors = owned.model().matrix::<f32>("vectors", 300, 3).unwrap();
    let before = owned.model().get(&vectors).to_vec();
    std::fs::rename(version.join(MODEL_FILE), version.join("moved")).unwrap();
    assert_eq!(mapped.model().get(&vectors), before);
    drop(mapped);
    std::fs::write(version.join("moved"), b"").unwrap();
    assert_eq!(owned.model().get(&vectors), before);
}

#[test]
fn reading_a_customer_allocates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    small_version(folder.path());
    let files = ModelFiles::open(folder.path(), Mode::Owned).unwrap();
    let store = files.customers().unwrap();
    let (mut scratch, mut customer) = (RecordScratch::default(), Customer::default());
    let mut read_all = || {
        let before = ALLOCATIONS.get();
        for id in 0..N_CUSTOMERS + 5 {
            assert_eq!(store.read(ExternalIdRef::Int(id), &mut scratch, &mut customer).unwrap(), id < N_CUSTOMERS);
        }
        ALLOCATIONS.get() - before
    };
    assert!(read_all() > 0);
    assert_eq!(read_all(), 0);
}

const KILL_FOLDER: &str = "SIDECART_TEST_KILL_FOLDER";

fn publish_numbered(folder: &Path, number: u32) -> Version {
    let values = vec![number; 5000];
    let mut writer = ContainerWriter::new();
    writer.add("values", &values, &[values.len()]).unwrap();
    let draft = Draft { seed: u64::from(number), ..Draft::default() };
    publish(folder, draft, &[(MODEL_FILE, &writer)]).unwrap()
}

#[test]
#[ignore = "runs as the child of a_killed_publisher_leaves_whole_versions"]
fn publishes_until_killed() {
    let folder = std::env::var_os(KILL_FOLDER).expect("started by the test that kills it");
    let folder = Path::new(&folder);
    let first = std::fs::read_dir(folder).unwrap().count() as u32;
    for number in first.. {
        publish_numbered(folder, number);
    }
}

#[test]
fn a_killed_publisher_leaves_whole_versions() {
    let folder = tempfile::tempdir().unwrap();
    publish_numbered(folder.path(), 0);
    for round in 0..60 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["publishes_until_killed", "--exact", "--ignored"])
            .env(KILL_FOLDER, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(3000 + mix64(round) % 20_000));
        child.kill().unwrap();
        child.wait().unwrap();

        let live = ModelFiles::open(folder.path(), Mode::Owned).unwrap();
        live.verify().unwrap();
        let values = live.model().vector::<u32>("values", 5000).unwrap();
        let number = live.manifest().seed as u32;
        assert!(live.model().get(&values).iter().all(|&v| v == number));
    }
    let mut n_versions = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().and_then(|name| name.to_str()).and_then(Version::parse).is_some() {
            ModelFiles::open(&path, Mode::Owned).unwrap();
            n_versions += 1;
        }
    }
    assert!(n_versions > 1, "no child lived long enough to publish");
    publish_numbered(folder.path(), u32::MAX);
    let leftover = |name: &str| name.starts_with(".staging") || name.ends_with(".partial");
    let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !leftover(name.to_str().unwrap())));
}
