//! Audio: timeline, decoding, mixing and export formats.
