package dev.bantam.tensor.vector;

import dev.bantam.tensor.Kernels;
import dev.bantam.tensor.Kernels.Activation;
import dev.bantam.tensor.Kernels.AdamStep;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/**
 * Brings the vector kernels to compiled code.
 *
 * <p>Until the optimising compiler has been through them, vector operations are objects and a
 * thousand times slower, and it comes by after a number of <em>calls</em>: a kernel that does much
 * in each call would stay slow for many seconds. So each is called many times with little to do.
 *
 * <p>The products come first and are waited for. If long calls ran meanwhile, the compiler would
 * make a version for entering a loop midway, in which it does not see the types of the sums and
 * keeps them as objects for good.
 */
final class WarmUp implements Runnable {
  /** Calls of a product at a time: the compiler is asked after 5,000 of them. */
  private static final int PRODUCTS = 2_000;

  /** Calls of another kernel: the compiler is asked after 15,000 turns of its loop. */
  private static final int CALLS = 1_500;

  /** Inner steps of a call that tells whether a product is compiled. */
  private static final int STEPS = 8;

  /** A step takes 5 to 20 ns compiled and microseconds before. */
  private static final long SLOW_STEP = 400;

  private static final long PAUSE = 5_000_000L;
  private static final long LONGEST_WAIT = 4_000_000_000L;

  /** Enough turns for the compiler to take what a loop calls into it, and a rest. */
  private static final int COLUMNS = 24 * Kernels.LANES + 3;

  private final Kernels kernels;
  private final float[] x = new float[2 * COLUMNS];
  private final float[] y = new float[2 * COLUMNS];
  private final float[] z = new float[2 * COLUMNS];
  private final float[] v = new float[2 * COLUMNS];

  private WarmUp(Kernels kernels) {
    this.kernels = kernels;
  }

  /** Warms the products up now, and the rest in the background. */
  static void start(Kernels kernels) {
    final WarmUp warmUp = new WarmUp(kernels);
    warmUp.products();
    final Thread thread = new Thread(warmUp, "bantam-warm-up");
    thread.setDaemon(true);
    thread.start();
  }

  private void products() {
    final long end = System.nanoTime() + LONGEST_WAIT;
    final List<Integer> slow = new ArrayList<>();
    Arrays.stream(kernels.tileHeights()).forEach(slow::add);
    while (!slow.isEmpty() && System.nanoTime() < end) {
      slow.forEach(height -> repeat(PRODUCTS, () -> product(height, 1)));
      slow.removeIf(this::isFast);
    }
  }

  private void product(int height, int steps) {
    kernels.multiply(x, 0, height, y, 0, steps, z, 0, kernels.panelColumns());
  }

  /** Whether the product is compiled; gives the compiler a moment. */
  private boolean isFast(int height) {
    LockSupport.parkNanos(PAUSE);
    final long started = System.nanoTime();
    product(height, STEPS);
    return System.nanoTime() - started < STEPS * SLOW_STEP;
  }

  @Override
  public void run() {
    repeat(() -> kernels.activate(Activation.GELU_ERF, x, COLUMNS));
    repeat(() -> kernels.addBias(x, 1, COLUMNS, y, 0));
    repeat(() -> kernels.add(x, y, COLUMNS));
    repeat(() -> kernels.layerNorm(x, 1, COLUMNS, y, z, 1e-5, v, v, COLUMNS));
    repeat(() -> kernels.softmax(x, 0, COLUMNS, 1f, null));
    repeat(() -> kernels.dropout(x, COLUMNS, 1, 0, 0.1f));
    repeat(() -> kernels.activateBackward(Activation.GELU_ERF, x, y, COLUMNS));
    repeat(() -> kernels.layerNormBackward(x, 1, COLUMNS, y, v, COLUMNS, z, v, v));
    repeat(() -> kernels.softmaxBackward(x, y, 0, COLUMNS, 1f));
    repeat(() -> kernels.addColumnSums(x, 1, COLUMNS, y, 0));
    final AdamStep step = new AdamStep(1f, 0.9, 0.999, 1e-8f, 0f, 0f, 1f);
    repeat(() -> kernels.adamW(x, y, z, v, COLUMNS, step));
    final long[] words = new long[4 * 16 + 16 * Kernels.BIT_PANEL];
    final int[] counts = new int[4 * Kernels.BIT_PANEL];
    repeat(() -> kernels.countCommonBits(words, 0, 4, 16, words, 64, counts, 0, Kernels.BIT_PANEL));
    final double[] vectors = new double[4 * Kernels.TILE];
    final double[] tile = new double[Kernels.TILE * Kernels.TILE];
    repeat(() -> kernels.addOuterProducts(vectors, 4, Kernels.TILE, tile));
  }

  private static void repeat(Runnable call) {
    repeat(CALLS, call);
  }

  private static void repeat(int calls, Runnable call) {
    for (int i = 0; i < calls; i++) {
      call.run();
    }
  }
}
