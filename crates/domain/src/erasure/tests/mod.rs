//! Plans and obstacles over small schemas.

mod marks;
mod obstacles;
mod orders;
mod shop;
mod subjects;
mod tokens;
