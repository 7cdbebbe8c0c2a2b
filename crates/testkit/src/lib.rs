//! Call scripts, generators and ground truth for tests and benches; not product code.
