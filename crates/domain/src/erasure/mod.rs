//! Erasure (Art. 17): what it does to each collection, in which order, and what must hold before
//! the first write.

pub mod facts;
