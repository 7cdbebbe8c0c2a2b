//! Frames in: pcap, pcapng and gzip files behind one source.
