//! Plans and obstacles over small schemas.

mod fired;
mod map_keys;
mod marks;
mod obstacles;
mod orders;
mod shop;
mod subjects;
mod tokens;
