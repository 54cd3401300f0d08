//! The WebAssembly engine: how guests are compiled, limited and interrupted.

use sha2::{Digest, Sha256};
use std::{
    fs,
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, ResourceLimiter, Strategy, component::Component};

use crate::manifest::MEMORY_MAX_MIB;

/// How often running guests are interrupted so that their CPU time is looked at: an overrun is noticed this much late at most.
const TICK: Duration = Duration::from_millis(1);
/// The same while none runs: the first interruption of a call may be so late, those after it are not.
const TICK_IDLE: Duration = Duration::from_millis(10);
/// Instances that can exist at once: plugins, and the new instance of one that is being replaced.
const INSTANCES_MAX: u32 = 256;
/// Core modules inside one component: a guest, its WASI adapter, and what the encoder adds.
const CORE_INSTANCES_PER_COMPONENT: u32 = 8;
/// Elements of a table: function pointers of a large guest (QuickJS has 2,000).
pub(crate) const TABLE_ELEMENTS_MAX: usize = 50_000;

/// From this size on a component is run at once by code that is made quickly, until the fast code is ready: Cranelift takes about a second
/// for each MiB of it.
const QUICK_FROM: usize = 4 << 20;

/// The engines with their ticker and the cache of compiled code.
pub(crate) struct Compiler {
    engines: Arc<Engines>,
    cache: Option<PathBuf>,
    stop: Arc<AtomicBool>,
    ticker: Option<thread::JoinHandle<()>>,
}

struct Engines {
    /// Makes fast code (Cranelift).
    fast: Engine,
    /// Makes code several times quicker (Winch); it is there once a large component needs it.
    quick: OnceLock<Engine>,
    fuel: bool,
    /// Calls of guests that run now.
    running: Arc<AtomicUsize>,
}

/// Counts a call as running until it is dropped.
pub(crate) struct Call<'a>(&'a AtomicUsize);

impl<'a> Call<'a> {
    pub(crate) fn begin(running: &'a AtomicUsize) -> Self {
        running.fetch_add(1, Ordering::Relaxed);
        Self(running)
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A component, compiled.
pub(crate) struct Compiled {
    pub(crate) component: Component,
    /// Whether it is code that is to be replaced by the fast one ([`Compiler::fast`]).
    pub(crate) quick: bool,
}

impl Compiler {
    /// Engines that keep compiled code in `cache`, if given, and whose code counts its instructions, if wanted.
    pub(crate) fn new(cache: Option<PathBuf>, fuel: bool) -> wasmtime::Result<Self> {
        let engines = Arc::new(Engines { fast: Engine::new(&config(fuel))?, quick: OnceLock::new(), fuel, running: Arc::default() });
        let stop = Arc::new(AtomicBool::new(false));
        let ticker = {
            let (engines, stop) = (Arc::clone(&engines), Arc::clone(&stop));
            let tick = move || {
                while !stop.load(Ordering::Relaxed) {
                    thread::sleep(if engines.running.load(Ordering::Relaxed) > 0 { TICK } else { TICK_IDLE });
                    engines.fast.increment_epoch();
                    if let Some(quick) = engines.quick.get() {
                        quick.increment_epoch();
                    }
                }
            };
            thread::Builder::new().name("hook-ticker".into()).spawn(tick)?
        };
        Ok(Self { engines, cache, stop, ticker: Some(ticker) })
    }

    /// Counts the calls that run.
    pub(crate) fn running(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.engines.running)
    }

    /// Whether code counts its instructions.
    pub(crate) fn counts_fuel(&self) -> bool {
        self.engines.fuel
    }

    /// The component in `bytes`, whose digest is given: a component as it is, a core module with our WIT inside made into one. Code
    /// compiled before is taken from the cache; a large one is compiled quickly.
    pub(crate) fn load(&self, bytes: &[u8], digest: &str) -> Result<Compiled, String> {
        let cached = self.file(digest).and_then(|file| self.load_cached(&file));
        if let Some(component) = cached {
            return Ok(Compiled { component, quick: false });
        }
        if bytes.len() < QUICK_FROM {
            return Ok(Compiled { component: self.fast(bytes, digest)?, quick: false });
        }
        match self.quick(bytes) {
            Ok(component) => Ok(Compiled { component, quick: true }),
            // Winch does not know all of WebAssembly that Cranelift does.
            Err(reason) => {
                tracing::debug!(message = "a component cannot be compiled quickly", reason);
                Ok(Compiled { component: self.fast(bytes, digest)?, quick: false })
            }
        }
    }

    /// The fast code, into the cache.
    pub(crate) fn fast(&self, bytes: &[u8], digest: &str) -> Result<Component, String> {
        let component = Component::new(&self.engines.fast, as_component(bytes)?).map_err(|e| format!("{e:#}"))?;
        if let Some(file) = self.file(digest)
            && let Err(error) = store(&file, &component)
        {
            // A cache that cannot be written only costs time at the next start.
            tracing::warn!(message = "compiled code is not cached", file = %file.display(), %error);
        }
        Ok(component)
    }

    fn quick(&self, bytes: &[u8]) -> Result<Component, String> {
        let component = as_component(bytes)?;
        if self.engines.quick.get().is_none() {
            let mut config = config(self.engines.fuel);
            // A pool for a few instances that soon go would reserve as much address space as the other.
            config.strategy(Strategy::Winch).allocation_strategy(InstanceAllocationStrategy::OnDemand);
            let engine = Engine::new(&config).map_err(|e| format!("{e:#}"))?;
            // If another thread was faster, its engine is as good.
            let _ = self.engines.quick.set(engine);
        }
        let engine = self.engines.quick.get().ok_or("there is no quick engine")?;
        Component::new(engine, component).map_err(|e| format!("{e:#}"))
    }

    /// Where the fast code of a guest is cached.
    fn file(&self, digest: &str) -> Option<PathBuf> {
        Some(self.cache.as_ref()?.join(format!("{}.cwasm", self.cache_key(digest))))
    }

    /// Names the guest, the engine's version and its settings: code of another engine is never taken.
    fn cache_key(&self, digest: &str) -> String {
        let mut settings = std::hash::DefaultHasher::new();
        self.engines.fast.precompile_compatibility_hash().hash(&mut settings);
        format!("{}-{:016x}", &digest[..32], settings.finish())
    }

    #[expect(unsafe_code, reason = "the one way to load compiled code; see SAFETY")]
    fn load_cached(&self, file: &Path) -> Option<Component> {
        if !file.exists() {
            return None;
        }
        // SAFETY: `deserialize_file` runs the file's machine code, so the file must be what `Component::serialize` wrote. Only `store`
        // writes into this folder, which is created for this user alone (mode 0700), under a name with the guest's SHA-256 and the
        // engine's compatibility hash, and by a rename, so that it is whole. Files from users are never loaded this way.
        unsafe { Component::deserialize_file(&self.engines.fast, file) }.ok()
    }
}

impl Drop for Compiler {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(ticker) = self.ticker.take() {
            // A ticker that panicked has nothing left to stop.
            let _ = ticker.join();
        }
    }
}

fn config(fuel: bool) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(INSTANCES_MAX)
        .total_core_instances(INSTANCES_MAX * CORE_INSTANCES_PER_COMPONENT)
        .total_memories(INSTANCES_MAX * 2)
        .total_tables(INSTANCES_MAX * CORE_INSTANCES_PER_COMPONENT)
        .max_memory_size((MEMORY_MAX_MIB as usize) << 20)
        .table_elements(TABLE_ELEMENTS_MAX)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(2)
        .max_tables_per_component(CORE_INSTANCES_PER_COMPONENT)
        // Instances live as long as their plugin: what one leaves is given back at once, not cleared for the next.
        .linear_memory_keep_resident(0)
        .table_keep_resident(0);
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .consume_fuel(fuel)
        // Concurrent calls cost 3.5 times as much, and hooks do not need them.
        .concurrency_support(false)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Lower-case hexadecimal SHA-256.
pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

fn store(file: &Path, component: &Component) -> Result<(), String> {
    use std::os::unix::fs::DirBuilderExt as _;
    let dir = file.parent().unwrap_or(Path::new("."));
    let code = component.serialize().map_err(|e| e.to_string())?;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| e.to_string())?;
    let part = file.with_extension(format!("part{}", std::process::id()));
    fs::write(&part, code).and_then(|()| fs::rename(&part, file)).map_err(|e| e.to_string())
}

/// The layer byte of a binary tells components from core modules (component-model `Binary.md`).
pub(crate) fn as_component(bytes: &[u8]) -> Result<std::borrow::Cow<'_, [u8]>, String> {
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => Ok(bytes.into()),
        Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => encode(bytes).map(Into::into),
        _ => Err("this is not WebAssembly: it does not begin with \\0asm".to_owned()),
    }
}

/// The contract, for modules that do not say themselves which they follow: its versions, the newest first, each with a name by which a
/// module shows that it was compiled for it.
const CONTRACTS: &[(&str, &[(&str, &str)])] = &[
    (
        "hookline:hooks/lifecycle@0.1.1#on-init",
        &[
            ("types.wit", include_str!("../../../wit/types.wit")),
            ("host.wit", include_str!("../../../wit/host.wit")),
            ("plugin.wit", include_str!("../../../wit/plugin.wit")),
        ],
    ),
    (
        "hookline:hooks/lifecycle@0.1.0#on-init",
        &[
            ("types.wit", include_str!("../../../wit/released/0.1.0/types.wit")),
            ("host.wit", include_str!("../../../wit/released/0.1.0/host.wit")),
            ("plugin.wit", include_str!("../../../wit/released/0.1.0/plugin.wit")),
        ],
    ),
];

/// Makes a core module whose imports and exports are named as the contract has them, and which says no more (a C compiler's), a component.
pub(crate) fn encode_with_contract(module: &[u8]) -> Result<Vec<u8>, String> {
    let wrong = |e: &dyn std::fmt::Display| format!("the contract cannot be put into the module: {e:#}");
    let speaks = |mark: &str| module.windows(mark.len()).any(|w| w == mark.as_bytes());
    let known = || CONTRACTS.iter().map(|(mark, _)| *mark).collect::<Vec<_>>().join(" nor ");
    let (_, contract) = CONTRACTS.iter().find(|(mark, _)| speaks(mark)).ok_or_else(|| format!("the module exports neither {}", known()))?;
    let mut source = wit_parser::SourceMap::new();
    contract.iter().for_each(|(name, text)| source.push(Path::new(name), *text));
    let group = source.parse().map_err(|(_, e)| wrong(&e))?;
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_group(group).map_err(|e| wrong(&e))?;
    let world = resolve.select_world(&[package], Some("plugin")).map_err(|e| wrong(&e))?;
    let mut module = module.to_vec();
    wit_component::embed_component_metadata(&mut module, &resolve, world, wit_component::StringEncoding::UTF8).map_err(|e| wrong(&e))?;
    encode(&module)
}

/// Makes a core module, as compilers write it, a component; needs the WIT that wit-bindgen puts inside.
pub(crate) fn encode(module: &[u8]) -> Result<Vec<u8>, String> {
    let adapter = wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER;
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|e| e.adapter("wasi_snapshot_preview1", adapter)?.encode())
        .map_err(|e| format!("this core module cannot be made a component: {e:#}"))
}

/// What an instance may grow to, and how often it was told no.
#[derive(Debug)]
pub(crate) struct Limiter {
    pub(crate) memory_max: usize,
    pub(crate) memory: usize,
    pub(crate) refused: u64,
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_sub(current).saturating_add(desired);
        let allowed = total <= self.memory_max;
        if allowed {
            self.memory = total;
        } else {
            self.refused += 1;
        }
        Ok(allowed)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX)
    }
}
