//! ITU-T G.711 A-law and µ-law: const tables and whole-buffer functions.
