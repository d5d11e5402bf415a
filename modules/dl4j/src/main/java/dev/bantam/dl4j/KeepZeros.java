package dev.bantam.dl4j;

import dev.bantam.tensor.Floats;
import java.util.LinkedHashMap;
import java.util.Map;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Keeps pruned weights at zero while DL4J trains the others: a listener for {@code
 * network.addListeners(...)} of the pruned network.
 *
 * <p>After each update, every weight that was zero when the listener was made is zero again,
 * whatever updater and regularization did. The score of an update is that of the masked network,
 * since it is computed before.
 */
public final class KeepZeros extends BaseTrainingListener {
  private final Map<String, boolean[]> zeros = new LinkedHashMap<>();

  /**
   * Looks at the zeros of all weight matrices; biases, gains and the like stay free.
   *
   * @param network a {@code MultiLayerNetwork} or {@code ComputationGraph}, not changed here
   */
  public KeepZeros(Model network) {
    network
        .paramTable()
        .forEach(
            (name, tensor) -> {
              if (isWeight(name)) {
                final float[] values = values(tensor);
                final boolean[] mask = new boolean[values.length];
                for (int i = 0; i < mask.length; i++) {
                  mask[i] = values[i] == 0f;
                }
                zeros.put(name, mask);
              }
            });
  }

  private static boolean isWeight(String name) {
    final String key = ParameterName.ofTable(name).key();
    return key.equals("W") || key.equals("RW");
  }

  /** Weights in the order of memory, which is the same at every look. */
  private static float[] values(INDArray tensor) {
    return Floats.toArray(inMemoryOrder(tensor));
  }

  private static INDArray inMemoryOrder(INDArray tensor) {
    return tensor.ordering() == 'f' ? tensor.transpose() : tensor;
  }

  /** Share of the weights of all matrices that are kept at zero. */
  public double sparsity() {
    long all = 0;
    long kept = 0;
    for (boolean[] mask : zeros.values()) {
      all += mask.length;
      for (boolean zero : mask) {
        kept += zero ? 1 : 0;
      }
    }
    return all == 0 ? 0 : (double) kept / all;
  }

  @Override
  public void iterationDone(Model network, int iteration, int epoch) {
    network
        .paramTable()
        .forEach(
            (name, tensor) -> {
              final boolean[] mask = zeros.get(name);
              if (mask != null) {
                clear(tensor, mask);
              }
            });
  }

  private static void clear(INDArray tensor, boolean[] mask) {
    final Floats live = Floats.of(inMemoryOrder(tensor));
    final float[] values = new float[mask.length];
    live.read(0, values, 0, values.length);
    for (int i = 0; i < mask.length; i++) {
      values[i] = mask[i] ? 0f : values[i];
    }
    live.write(0, values, 0, values.length);
  }
}
