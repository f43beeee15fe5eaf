//! Strongroom: private media for applications.
//!
//! The floors, from the top: [`cli`] and [`http`] speak with people and programs; the rules ([`uploads`], [`objects`],
//! [`links`], [`transforms`], [`spaces`], [`access`], [`quota`], [`arrivals`], [`adopt`], [`pictures`],
//! [`inventory`], [`mirror`], [`upkeep`], [`provision`], [`doctor`]) say what the product is; [`storage`] and [`db`] keep
//! things; [`config`] says how it all was meant. Imports point down.

pub mod access;
pub mod adopt;
pub mod ambient;
pub mod arrivals;
pub mod assemble;
pub mod audit;
pub mod authenticate;
pub mod cli;
pub mod config;
pub mod content_type;
pub mod db;
pub mod demo;
pub mod description;
pub mod digest;
pub mod doctor;
pub mod embedded;
pub mod fetch;
pub mod health;
pub mod http;
pub mod inventory;
pub mod jwt;
pub mod lease;
pub mod links;
pub mod media;
pub mod metrics;
pub mod mirror;
pub mod objects;
pub mod pictures;
pub mod places;
pub mod provision;
pub mod quota;
pub mod secrets;
pub mod service;
pub mod sns;
pub mod spaces;
pub mod storage;
pub mod transforms;
pub mod upkeep;
pub mod uploads;
