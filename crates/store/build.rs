//! A new migration is a new directory, which the compiler does not watch by itself.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations");
}
