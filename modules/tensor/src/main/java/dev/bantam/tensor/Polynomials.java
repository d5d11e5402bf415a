package dev.bantam.tensor;

/**
 * The constants and scalar forms of the elementwise functions. The Vector API twin evaluates the
 * same operations in the same order.
 *
 * <p>Coefficients are own weighted least-squares fits with Lawson's iteration: exp to 7.1e-8
 * relative on |r| at most ln(2)/2, the normal tail to 1.7e-7 relative on [0, 14].
 */
public final class Polynomials {
  public static final float LOG2_E = 1.44269504f;

  /** ln 2 in two parts: n * LN2_HIGH is exact for |n| below 2^9. */
  public static final float LN2_HIGH = 0.693359375f;

  public static final float LN2_LOW = -2.12194440e-4f;

  /** Adding it rounds a float of magnitude below 2^22 to a whole number in its low bits. */
  public static final float ROUNDER = 12582912f;

  /** Below this exp is taken at this point: 2^-126, the smallest normal float. */
  public static final float EXP_LOWEST = -87.33654f;

  public static final float EXP_HIGHEST = 88.37626f;

  public static final float EXP_2 = 0.4999999106f;
  public static final float EXP_3 = 0.1666641086f;
  public static final float EXP_4 = 0.0416682884f;
  public static final float EXP_5 = 0.00837564468f;
  public static final float EXP_6 = 0.00138357980f;

  /** Slope of the substitution t = 1 / (1 + c u) in the normal tail. */
  public static final float TAIL_C = 0.3f;

  public static final float TAIL_0 = 1.5952944522723556e-05f;
  public static final float TAIL_1 = 0.11930159479379654f;
  public static final float TAIL_2 = 0.1235976442694664f;
  public static final float TAIL_3 = 0.08623892813920975f;
  public static final float TAIL_4 = 0.16873875260353088f;
  public static final float TAIL_5 = -0.12856854498386383f;
  public static final float TAIL_6 = 0.2950417399406433f;
  public static final float TAIL_7 = -0.22167201340198517f;
  public static final float TAIL_8 = 0.0618152841925621f;
  public static final float TAIL_9 = -0.004509324207901955f;

  /** Beyond it the normal tail is below the smallest float that matters. */
  public static final float TAIL_END = 13f;

  public static final float INV_SQRT_2PI = 0.3989422804f;

  /** sqrt(2 / pi) and the cubic coefficient of the tanh form of GELU. */
  public static final float GELU_TANH_A = 0.7978845608f;

  public static final float GELU_TANH_B = 0.044715f;

  /** Beyond it tanh is 1 to float32. */
  public static final float TANH_END = 9.1f;

  private Polynomials() {}

  /** e^x, x clamped to the range of normal floats. */
  public static float exp(float x) {
    final float c = Math.min(Math.max(x, EXP_LOWEST), EXP_HIGHEST);
    final float shifted = Math.fma(c, LOG2_E, ROUNDER);
    final float n = shifted - ROUNDER;
    float r = Math.fma(n, -LN2_HIGH, c);
    r = Math.fma(n, -LN2_LOW, r);
    float p = EXP_6;
    p = Math.fma(p, r, EXP_5);
    p = Math.fma(p, r, EXP_4);
    p = Math.fma(p, r, EXP_3);
    p = Math.fma(p, r, EXP_2);
    p = Math.fma(p, r, 1f);
    p = Math.fma(p, r, 1f);
    final int power = (Float.floatToRawIntBits(shifted) << 23) + 0x3f800000;
    return p * Float.intBitsToFloat(power);
  }

  /** exp(-u^2/2) for u = min(|x|, TAIL_END). */
  static float bell(float u) {
    return exp(u * u * -0.5f);
  }

  /** Phi(-u) / exp(-u^2/2), u in [0, TAIL_END]. */
  static float tailRatio(float u) {
    final float t = 1f / Math.fma(TAIL_C, u, 1f);
    float p = TAIL_9;
    p = Math.fma(p, t, TAIL_8);
    p = Math.fma(p, t, TAIL_7);
    p = Math.fma(p, t, TAIL_6);
    p = Math.fma(p, t, TAIL_5);
    p = Math.fma(p, t, TAIL_4);
    p = Math.fma(p, t, TAIL_3);
    p = Math.fma(p, t, TAIL_2);
    p = Math.fma(p, t, TAIL_1);
    return Math.fma(p, t, TAIL_0);
  }

  /** x Phi(x), the erf form; far below zero the tail no longer falls, so x must not grow either. */
  public static float gelu(float x) {
    final float u = Math.min(Math.abs(x), TAIL_END);
    final float q = bell(u) * tailRatio(u);
    return Math.max(x, -TAIL_END) * (x < 0f ? q : 1f - q);
  }

  /** Phi(x) + x phi(x). */
  public static float geluDerivative(float x) {
    final float u = Math.min(Math.abs(x), TAIL_END);
    final float e = bell(u);
    final float q = e * tailRatio(u);
    final float phi = x < 0f ? q : 1f - q;
    final float clamped = Math.min(Math.max(x, -TAIL_END), TAIL_END);
    return Math.fma(clamped * INV_SQRT_2PI, e, phi);
  }

  /** tanh(y), absolute error of a few 1e-8. */
  static float tanh(float y) {
    final float u = Math.min(Math.abs(y), TANH_END);
    final float e = exp(u * -2f);
    final float t = (1f - e) / (1f + e);
    return y < 0f ? -t : t;
  }

  /** x/2 (1 + tanh(A (x + B x^3))). */
  public static float geluTanh(float x) {
    final float c = Math.min(Math.max(x, -TAIL_END), TAIL_END);
    final float t = tanh(c * GELU_TANH_A * Math.fma(GELU_TANH_B * c, c, 1f));
    return x * 0.5f * (1f + t);
  }

  /** Derivative of {@link #geluTanh}. */
  public static float geluTanhDerivative(float x) {
    final float c = Math.min(Math.max(x, -TAIL_END), TAIL_END);
    final float t = tanh(c * GELU_TANH_A * Math.fma(GELU_TANH_B * c, c, 1f));
    final float inner = GELU_TANH_A * Math.fma(3f * GELU_TANH_B * c, c, 1f);
    return Math.fma(0.5f * c * (1f - t * t), inner, 0.5f * (1f + t));
  }
}
