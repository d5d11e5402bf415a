package dev.bantam.tensor.vector;

import dev.bantam.tensor.Kernels.Activation;
import dev.bantam.tensor.Polynomials;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Activations and their derivatives, in passes over short arrays near the core.
 *
 * <p>A pass has no vectors as arguments or results of methods: where the compiler does not inline
 * such a method, and whether it does varies from start to start, every vector becomes an object.
 */
final class ActivationKernels {
  private static final VectorSpecies<Float> F = VectorKernels.F;
  private static final int L = F.length();
  private static final int CHUNK = 512;

  private ActivationKernels() {}

  /** {@code x[i] = f(x[i])} for i below n, a multiple of the vector's length. */
  static void forward(Activation activation, float[] x, int n) {
    if (activation == Activation.RELU) {
      for (int i = 0; i < n; i++) {
        x[i] = Math.max(x[i], 0f);
      }
      return;
    }
    final float[] e = new float[CHUNK];
    final float[] t = new float[CHUNK];
    for (int from = 0; from < n; from += CHUNK) {
      final int m = Math.min(CHUNK, n - from);
      if (activation == Activation.GELU_ERF) {
        tails(x, from, m, e, t);
        timesPhi(x, from, m, e, t);
      } else {
        tanhs(x, from, m, e, t);
        timesHalfPlus(x, from, m, t);
      }
    }
  }

  /** {@code dy[i] *= f'(x[i])} for i below n, a multiple of the vector's length. */
  static void backward(Activation activation, float[] x, float[] dy, int n) {
    if (activation == Activation.RELU) {
      for (int i = 0; i < n; i++) {
        dy[i] = x[i] > 0f ? dy[i] : 0f;
      }
      return;
    }
    final float[] e = new float[CHUNK];
    final float[] t = new float[CHUNK];
    for (int from = 0; from < n; from += CHUNK) {
      final int m = Math.min(CHUNK, n - from);
      if (activation == Activation.GELU_ERF) {
        tails(x, from, m, e, t);
        timesGeluDerivative(x, dy, from, m, e, t);
      } else {
        tanhs(x, from, m, e, t);
        timesTanhDerivative(x, dy, from, m, t);
      }
    }
  }

  /** {@code e = exp(-u^2 / 2)} and {@code t = tailRatio(u)} of {@code u = min(|x|, end)}. */
  private static void tails(float[] x, int from, int m, float[] e, float[] t) {
    for (int i = 0; i < m; i += L) {
      final FloatVector u = FloatVector.fromArray(F, x, from + i).abs().min(Polynomials.TAIL_END);
      u.intoArray(t, i);
      u.mul(u).mul(-0.5f).intoArray(e, i);
    }
    exp(e, 0, m);
    tailRatio(t, m);
  }

  /** {@code x = max(x, -end) Phi(x)} with Phi(x) from {@code q = Phi(-|x|) = e t}. */
  private static void timesPhi(float[] x, int from, int m, float[] e, float[] t) {
    final FloatVector one = FloatVector.broadcast(F, 1f);
    for (int i = 0; i < m; i += L) {
      final FloatVector v = FloatVector.fromArray(F, x, from + i);
      final FloatVector q = FloatVector.fromArray(F, e, i).mul(FloatVector.fromArray(F, t, i));
      v.max(-Polynomials.TAIL_END).mul(one.sub(q).blend(q, v.lt(0f))).intoArray(x, from + i);
    }
  }

  private static void timesGeluDerivative(
      float[] x, float[] dy, int from, int m, float[] e, float[] t) {
    final FloatVector one = FloatVector.broadcast(F, 1f);
    for (int i = 0; i < m; i += L) {
      final FloatVector v = FloatVector.fromArray(F, x, from + i);
      final FloatVector density = FloatVector.fromArray(F, e, i);
      final FloatVector q = density.mul(FloatVector.fromArray(F, t, i));
      FloatVector.fromArray(F, dy, from + i)
          .mul(
              v.max(-Polynomials.TAIL_END)
                  .min(Polynomials.TAIL_END)
                  .mul(Polynomials.INV_SQRT_2PI)
                  .fma(density, one.sub(q).blend(q, v.lt(0f))))
          .intoArray(dy, from + i);
    }
  }

  /** {@code t = tanh} of the argument of the tanh form of GELU; {@code e} is overwritten. */
  private static void tanhs(float[] x, int from, int m, float[] e, float[] t) {
    final FloatVector one = FloatVector.broadcast(F, 1f);
    for (int i = 0; i < m; i += L) {
      final FloatVector c =
          FloatVector.fromArray(F, x, from + i)
              .max(-Polynomials.TAIL_END)
              .min(Polynomials.TAIL_END);
      final FloatVector y =
          c.mul(Polynomials.GELU_TANH_A).mul(c.mul(Polynomials.GELU_TANH_B).fma(c, one));
      y.intoArray(t, i);
      y.abs().min(Polynomials.TANH_END).mul(-2f).intoArray(e, i);
    }
    exp(e, 0, m);
    for (int i = 0; i < m; i += L) {
      final FloatVector v = FloatVector.fromArray(F, e, i);
      final FloatVector tanh = one.sub(v).div(one.add(v));
      tanh.blend(tanh.neg(), FloatVector.fromArray(F, t, i).lt(0f)).intoArray(t, i);
    }
  }

  private static void timesHalfPlus(float[] x, int from, int m, float[] t) {
    for (int i = 0; i < m; i += L) {
      FloatVector.fromArray(F, x, from + i)
          .mul(0.5f)
          .mul(FloatVector.fromArray(F, t, i).add(1f))
          .intoArray(x, from + i);
    }
  }

  private static void timesTanhDerivative(float[] x, float[] dy, int from, int m, float[] t) {
    final FloatVector one = FloatVector.broadcast(F, 1f);
    for (int i = 0; i < m; i += L) {
      final FloatVector c =
          FloatVector.fromArray(F, x, from + i)
              .max(-Polynomials.TAIL_END)
              .min(Polynomials.TAIL_END);
      final FloatVector tanh = FloatVector.fromArray(F, t, i);
      final FloatVector inner =
          c.mul(3f * Polynomials.GELU_TANH_B).fma(c, one).mul(Polynomials.GELU_TANH_A);
      FloatVector.fromArray(F, dy, from + i)
          .mul(c.mul(0.5f).mul(one.sub(tanh.mul(tanh))).fma(inner, tanh.add(1f).mul(0.5f)))
          .intoArray(dy, from + i);
    }
  }

  /** {@code x = exp(x)}, as {@link Polynomials#exp}; n is a multiple of the vector's length. */
  static void exp(float[] x, int from, int n) {
    final FloatVector one = FloatVector.broadcast(F, 1f);
    for (int i = from; i < from + n; i += L) {
      final FloatVector c =
          FloatVector.fromArray(F, x, i).max(Polynomials.EXP_LOWEST).min(Polynomials.EXP_HIGHEST);
      final FloatVector shifted =
          c.fma(
              FloatVector.broadcast(F, Polynomials.LOG2_E),
              FloatVector.broadcast(F, Polynomials.ROUNDER));
      final FloatVector n1 = shifted.sub(Polynomials.ROUNDER);
      FloatVector r = n1.fma(FloatVector.broadcast(F, -Polynomials.LN2_HIGH), c);
      r = n1.fma(FloatVector.broadcast(F, -Polynomials.LN2_LOW), r);
      FloatVector p = FloatVector.broadcast(F, Polynomials.EXP_6);
      p = p.fma(r, FloatVector.broadcast(F, Polynomials.EXP_5));
      p = p.fma(r, FloatVector.broadcast(F, Polynomials.EXP_4));
      p = p.fma(r, FloatVector.broadcast(F, Polynomials.EXP_3));
      p = p.fma(r, FloatVector.broadcast(F, Polynomials.EXP_2));
      p = p.fma(r, one);
      p = p.fma(r, one);
      final IntVector power =
          shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23).add(0x3f800000);
      p.mul(power.reinterpretAsFloats()).intoArray(x, i);
    }
  }

  /** {@code u = tailRatio(u)}, as {@link Polynomials}. */
  private static void tailRatio(float[] u, int m) {
    final FloatVector one = FloatVector.broadcast(F, 1f);
    for (int i = 0; i < m; i += L) {
      final FloatVector t =
          one.div(
              FloatVector.fromArray(F, u, i)
                  .fma(FloatVector.broadcast(F, Polynomials.TAIL_C), one));
      FloatVector p = FloatVector.broadcast(F, Polynomials.TAIL_9);
      p = p.fma(t, FloatVector.broadcast(F, Polynomials.TAIL_8));
      p = p.fma(t, FloatVector.broadcast(F, Polynomials.TAIL_7));
      p = p.fma(t, FloatVector.broadcast(F, Polynomials.TAIL_6));
      p = p.fma(t, FloatVector.broadcast(F, Polynomials.TAIL_5));
      p = p.fma(t, FloatVector.broadcast(F, Polynomials.TAIL_4));
      p = p.fma(t, FloatVector.broadcast(F, Polynomials.TAIL_3));
      p = p.fma(t, FloatVector.broadcast(F, Polynomials.TAIL_2));
      p = p.fma(t, FloatVector.broadcast(F, Polynomials.TAIL_1));
      p.fma(t, FloatVector.broadcast(F, Polynomials.TAIL_0)).intoArray(u, i);
    }
  }
}
