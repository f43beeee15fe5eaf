//! The places for bodies that may be arriving at once, and each access key's share of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::fault::{Code, Fault};

/// All places. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    state: Arc<Mutex<State>>,
    most: usize,
    most_of_one: usize,
}

#[derive(Debug, Default)]
struct State {
    taken: usize,
    /// How many each access key has taken; none is listed that has taken none.
    of_key: HashMap<String, usize>,
}

impl Places {
    /// This many places, of which one access key may take so many.
    pub(crate) fn new(most: usize, most_of_one: usize) -> Self {
        Self { state: Arc::default(), most, most_of_one }
    }

    /// How many are taken.
    pub(crate) fn taken(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).taken
    }

    /// Takes a place, or says that there is none left.
    pub(crate) fn take(&self, access_key: &str) -> Result<Place, Fault> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let own = state.of_key.get(access_key).copied().unwrap_or(0);
        if state.taken >= self.most || own >= self.most_of_one {
            return Err(Code::SlowDown.into());
        }
        state.taken += 1;
        state.of_key.insert(access_key.to_owned(), own + 1);
        drop(state);
        Ok(Place { state: Arc::clone(&self.state), access_key: access_key.to_owned() })
    }
}

/// A place, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    state: Arc<Mutex<State>>,
    access_key: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.taken -= 1;
        if let Some(own) = state.of_key.get_mut(&self.access_key) {
            *own -= 1;
            if *own == 0 {
                state.of_key.remove(&self.access_key);
            }
        }
    }
}
