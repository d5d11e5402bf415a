package dev.bantam.compression;

/**
 * What an {@link Operation} does to the values at its site, in terms that other formats than
 * Bantam's own have too.
 */
public sealed interface SiteMap {
  /** What it needs of a format. */
  Operation.Effect effect();

  /**
   * {@code x_j scale_j + shift_j} for each channel j.
   *
   * @param scale one number a channel
   * @param shift one number a channel
   */
  @SuppressWarnings("ArrayRecordComponent") // read once
  record Affine(float[] scale, float[] shift) implements SiteMap {
    @Override
    public Operation.Effect effect() {
      return Operation.Effect.AFFINE;
    }
  }

  /**
   * {@code (clamp(rint(x / scale) + zeroPoint, low, high) - zeroPoint) scale} with the same numbers
   * for all values, in float32, ties to the even integer.
   *
   * @param scale above 0
   * @param zeroPoint in [low, high]
   * @param low lowest code
   * @param high highest code, less than 256 above the lowest
   */
  record Rounded(float scale, int zeroPoint, int low, int high) implements SiteMap {
    @Override
    public Operation.Effect effect() {
      return Operation.Effect.FIXED_ROUNDING;
    }
  }
}
