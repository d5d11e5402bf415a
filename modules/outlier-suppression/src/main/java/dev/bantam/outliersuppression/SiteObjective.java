package dev.bantam.outliersuppression;

import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.Floats;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What the encoder makes of the activation at a site, for trial activations and weights: attention
 * up to the context of all heads, or one product. Holds off-heap copies until it is closed.
 */
final class SiteObjective implements ScaleSearch.Piece, AutoCloseable {
  private final EncoderModel model;
  private final MigrationSite site;
  private final int[] offsets;
  private final int rows;
  private final int channels;
  private final Floats x;
  private final List<Floats> weights = new ArrayList<>();
  private final Map<String, INDArray> replaced = new LinkedHashMap<>();
  private final float[] reference;

  /**
   * @param raw the activation as the model gives it, [rows, channels]: what the model computes of
   *     it is what trials are compared with
   * @param biases of the consumers for trials, in their order
   */
  SiteObjective(
      EncoderModel model, MigrationSite site, float[] raw, int[] offsets, List<float[]> biases) {
    this.model = model;
    this.site = site;
    this.offsets = offsets.clone();
    this.rows = offsets[offsets.length - 1];
    this.channels = raw.length / rows;
    this.x = Floats.zeros(rows, channels);
    for (int i = 0; i < biases.size(); i++) {
      final float[] bias = biases.get(i);
      final Floats weight = Floats.zeros(bias.length, channels);
      weights.add(weight);
      replaced.put(site.consumers().get(i) + ".weight", weight.array());
      replaced.put(site.consumers().get(i) + ".bias", Floats.tensor(bias, bias.length));
    }
    this.reference = output(raw, Map.of());
  }

  private float[] output(float[] activation, Map<String, INDArray> others) {
    x.write(0, activation, 0, activation.length);
    final Floats y = Floats.of(model.runModule(site.site(), x.array(), offsets, others));
    final float[] values = new float[y.length()];
    y.read(0, values, 0, values.length);
    y.close();
    return values;
  }

  @Override
  public double loss(float[] activation, float[] weight) {
    int from = 0;
    for (Floats tensor : weights) {
      tensor.write(0, weight, from, tensor.length());
      from += tensor.length();
    }
    final float[] y = output(activation, replaced);
    double sum = 0;
    for (int i = 0; i < y.length; i++) {
      final double d = (double) y[i] - reference[i];
      sum += d * d;
    }
    return sum / rows;
  }

  @Override
  public void close() {
    x.close();
    replaced.values().forEach(tensor -> Floats.of(tensor).close());
  }
}
