//! What the fuzz targets share: one identity at one moment, signatures as the server expects them, and a store to call.
//!
//! Random bytes never have a valid signature, so nothing behind the signature would ever be reached. The targets
//! therefore write [`signature::BLANK`] where a signature belongs, ask the verifier what it expected there, and send that.

pub mod place;
pub mod signature;
pub mod template;
