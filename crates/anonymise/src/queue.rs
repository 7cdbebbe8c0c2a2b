//! Frames in the order of the capture, those that wait among them.

use std::collections::VecDeque;

use crate::{Frame, sketch::Sketch};

/// Frames that are held at a time, and bytes of them.
pub(crate) const MAX_WAITING: usize = 1 << 16;
const MAX_BYTES: usize = 64 << 20;

/// Invariant: the place of a frame in `places` is its number less `first`.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    places: VecDeque<Place>,
    first: u64,
    held: usize,
}

#[derive(Debug)]
enum Place {
    Done(Frame),
    Waiting(Box<Sketch>),
    Gone,
}

impl Queue {
    pub(crate) fn push(&mut self, frame: Frame) {
        self.held += frame.bytes.len();
        self.places.push_back(Place::Done(frame));
    }

    /// The number under which the frame will be told what it carries.
    pub(crate) fn reserve(&mut self, sketch: Sketch) -> u64 {
        self.held += sketch.len();
        self.places.push_back(Place::Waiting(Box::new(sketch)));
        self.first + self.places.len() as u64 - 1
    }

    /// The frame carries `bytes`; `false` where it is not read as before then.
    pub(crate) fn fill(&mut self, number: u64, bytes: &[u8]) -> bool {
        let Some(place) = self.place(number) else { return true };
        let Place::Waiting(sketch) = std::mem::replace(place, Place::Gone) else { return true };
        let len = sketch.len();
        match sketch.filled(bytes) {
            Some(frame) => *place = Place::Done(frame),
            None => {
                self.held -= len;
                return false;
            }
        }
        true
    }

    pub(crate) fn remove(&mut self, number: u64) {
        if let Some(place) = self.place(number)
            && let Place::Waiting(sketch) = std::mem::replace(place, Place::Gone)
        {
            self.held -= sketch.len();
        }
    }

    /// Removes whatever still waits; how many that were.
    pub(crate) fn abandon(&mut self) -> usize {
        let mut count = 0;
        for place in &mut self.places {
            if let Place::Waiting(sketch) = place {
                self.held -= sketch.len();
                *place = Place::Gone;
                count += 1;
            }
        }
        count
    }

    /// The first frame, if it is done.
    pub(crate) fn poll(&mut self) -> Option<Frame> {
        loop {
            match self.places.front()? {
                Place::Waiting(_) => return None,
                Place::Done(_) | Place::Gone => {}
            }
            self.first += 1;
            if let Place::Done(frame) = self.places.pop_front()? {
                self.held -= frame.bytes.len();
                return Some(frame);
            }
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.places.len() >= MAX_WAITING || self.held >= MAX_BYTES
    }

    fn place(&mut self, number: u64) -> Option<&mut Place> {
        self.places.get_mut(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }
}
