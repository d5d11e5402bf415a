package dev.bantam.binarization;

/** A family of binary encoders. */
enum Method {
  /** Signs with a scale for each row, sign activations, softmax cut at one half: the baseline. */
  SIGN,
  /** BiBERT (Qin et al. 2022). */
  BIBERT,
  /** BiT (Liu et al. 2022). */
  BIT;

  /**
   * How matrices are coded.
   *
   * @param bits 1 or 2
   */
  WeightCoder weights(int bits) {
    if (bits == 2) {
      return new TernaryWeights(false, TernaryWeights.CLIP);
    }
    return switch (this) {
      case SIGN -> BinaryWeights.SIGN;
      case BIBERT -> BinaryWeights.BIBERT;
      case BIT -> BinaryWeights.BIT;
    };
  }

  /** How the word table is coded, row by row. */
  WeightCoder words(int bits) {
    if (bits == 2) {
      return new TernaryWeights(true, TernaryWeights.CLIP);
    }
    return switch (this) {
      case SIGN -> BinaryWeights.SIGN;
      case BIBERT -> BinaryWeights.BIBERT;
      case BIT -> BinaryWeights.BIT_TABLE;
    };
  }
}
