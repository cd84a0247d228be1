//! Plans and obstacles over small schemas.

mod obstacles;
mod orders;
mod shop;
mod subjects;
