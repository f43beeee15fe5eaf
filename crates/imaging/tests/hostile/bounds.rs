//! Holds what is done with a file to a share of memory, by the system, and of time, by the clock of the thread.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use strongroom_imaging::{Encoding, Fit, Gravity, Limits, Recipe, Refusal, Rendered, probe, render};

/// What there is for a file, beside its own bytes.
const MEMORY: u64 = 256 << 20;
/// What an answer may take of a processor.
const TIME: Duration = Duration::from_secs(2);

/// The limit is the whole process's, so one file is looked at after the other.
static TURN: Mutex<()> = Mutex::new(());

/// Lets nobody else work meanwhile.
pub(crate) fn in_turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does it with no more memory than is taken already, and [`MEMORY`]: whoever asks for more does not get it, and either
/// takes that for an answer or is ended, and the tests with it.
pub(crate) fn within_memory<T>(work: impl FnOnce() -> T) -> T {
    let _turn = in_turn();
    let usual = getrlimit(Resource::Data);
    setrlimit(Resource::Data, Rlimit { current: Some(taken() + MEMORY), maximum: usual.maximum }).unwrap();
    let result = work();
    setrlimit(Resource::Data, usual).unwrap();
    result
}

/// Bytes that this process can write to, as the system counts them.
fn taken() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// What this thread has worked.
pub(crate) fn worked() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}

/// The limits that a service has when nothing else is said.
pub(crate) fn limits() -> Limits<'static> {
    Limits { memory: 256 << 20, ..Limits::default() }
}

/// One small result in each way of encoding, and one that has to find what draws the eye.
pub(crate) fn recipes() -> [Recipe; 3] {
    let small = |encoding| Recipe::new(Fit::Inside, Some(24), Some(24), encoding);
    let mut attentive = Recipe::new(Fit::Cover, Some(16), Some(16), Encoding::Png);
    attentive.gravity = Gravity::Attention;
    [
        small(Encoding::Jpeg { quality: 80, progressive: false }),
        small(Encoding::WebP { quality: 80, lossless: false }),
        attentive,
    ]
}

/// Looks at a file as the service does, within the bounds.
#[track_caller]
pub(crate) fn answer(name: &str, file: &[u8]) -> Result<Rendered, Refusal> {
    answer_with(name, file, &limits())
}

/// The same with other limits.
#[track_caller]
pub(crate) fn answer_with(name: &str, file: &[u8], limits: &Limits<'_>) -> Result<Rendered, Refusal> {
    let (answer, took) = within_memory(|| {
        let before = worked();
        let answer = probe(file).and_then(|_| render(file, &recipes(), limits));
        (answer, worked().saturating_sub(before))
    });
    assert!(took <= TIME, "{name} took {took:?} for {:?}", answer.as_ref().map(|rendered| &rendered.probe));
    answer
}

/// The code of the refusal.
#[track_caller]
pub(crate) fn refused(name: &str, file: &[u8]) -> &'static str {
    match answer(name, file) {
        Ok(rendered) => panic!("{name} was taken for {:?}", rendered.probe),
        Err(refusal) => refusal.code(),
    }
}

#[test]
fn more_memory_than_there_is_for_a_file_is_not_given() {
    let room = |bytes: u64| {
        let mut data: Vec<u8> = Vec::new();
        data.try_reserve_exact(usize::try_from(bytes).unwrap()).is_ok()
    };
    assert_eq!(within_memory(|| (room(MEMORY / 2), room(MEMORY + (1 << 20)))), (true, false));
    let _turn = in_turn();
    assert!(room(MEMORY + (1 << 20)), "the limit ends with the work");
}
