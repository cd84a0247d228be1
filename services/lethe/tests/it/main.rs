//! The built program, as people and scripts run it.

mod audit;
mod data_map;
mod demo;
mod download;
mod export;
mod help;
mod jobs;
mod migrate;
mod support;
mod token;
