package dev.bantam.reader;

/** How a tensor is stored; docs/formats.md describes each form byte by byte. */
public enum Form {
  /** Every value as a floating point number; all tensors of a plain safetensors folder. */
  DENSE("dense"),
  /** One bit an element, and the values of those that are kept. */
  BITMASK_SPARSE("bitmask-sparse"),
  /** Gaps between kept elements, and their values. */
  INDEX_SPARSE("index-sparse"),
  /** A fixed number of kept elements in every run of neighbours. */
  N_OF_M("n-of-m"),
  /** Integer codes of 1 to 8 bits with a scale a group. */
  GROUPED("grouped"),
  /** As {@link #GROUPED}, without the codes of elements that are zero. */
  SPARSE_GROUPED("sparse-grouped"),
  /** One sign an element with a scale a group. */
  BINARY("binary"),
  /** Codes -1, 0 and 1, five a byte, with a scale a group. */
  TERNARY("ternary");

  private final String label;

  Form(String label) {
    this.label = label;
  }

  /** The name in files and documents, such as {@code sparse-grouped}. */
  public String label() {
    return label;
  }
}
