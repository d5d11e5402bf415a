package dev.bantam.outliersuppression;

import dev.bantam.checkpoint.StoredOperation;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.DenseTensor;
import dev.bantam.compression.Operations;
import dev.bantam.compression.SiteMap;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Floats;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A model without the affine maps of its residuals, which computes the same: LayerNorms and the
 * matrices behind them are shifted and scaled back, so that formats hold it that know a residual
 * only as it is.
 */
public final class FoldedResiduals {
  private FoldedResiduals() {}

  /**
   * Folds all operations of a model into its weights.
   *
   * @param model restored to float32; its tensors are not changed
   * @return every tensor dense, without operations; equal up to roundings of float32
   * @throws BantamException (usage) naming the operations that are no maps of residuals
   */
  public static CompressedModel fold(CompressedModel model) {
    requireFoldable(model);
    final Map<String, CompressedTensor> tensors = new LinkedHashMap<>(model.tensors());
    for (MigrationSite site : sites(model)) {
      final StoredOperation stored =
          model.operations().get(site.residual().orElseThrow().toString());
      if (stored != null) {
        fold(site, map(stored).orElseThrow(), tensors);
      }
    }
    tensors.replaceAll((name, tensor) -> dense(tensor));
    return new CompressedModel(tensors);
  }

  /**
   * Refuses what {@link #fold} would refuse.
   *
   * @throws BantamException (usage) naming the operations that are no maps of residuals
   */
  public static void requireFoldable(CompressedModel model) {
    final Map<String, StoredOperation> left = new TreeMap<>(model.operations());
    for (MigrationSite site : sites(model)) {
      left.computeIfPresent(
          site.residual().orElseThrow().toString(),
          (residual, stored) -> map(stored).isPresent() ? null : stored);
    }
    requireNone(left);
  }

  private static List<MigrationSite> sites(CompressedModel model) {
    final Map<String, long[]> shapes = new LinkedHashMap<>();
    model.tensors().forEach((name, tensor) -> shapes.put(name, tensor.shape()));
    return MigrationSite.of(shapes.keySet(), EncoderPlaces.layers(shapes), false);
  }

  private static Optional<SiteMap.Affine> map(StoredOperation operation) {
    return Operations.decode(operation)
        .siteMap()
        .filter(SiteMap.Affine.class::isInstance)
        .map(SiteMap.Affine.class::cast);
  }

  private static void requireNone(Map<String, StoredOperation> operations) {
    if (!operations.isEmpty()) {
      final Set<String> kinds = new TreeSet<>();
      operations.values().forEach(operation -> kinds.add(operation.kind()));
      throw new BantamException(
          ExitCode.USAGE,
          "The model has operations beside its weights, "
              + kinds
              + ", which plain float32 weights do not hold: without them it would give other"
              + " outputs. Export packed safetensors, or the model without the steps that added"
              + " them.");
    }
  }

  /**
   * The map {@code s x + z} of an activation is taken into what makes it, and out of its readers.
   */
  private static void fold(
      MigrationSite site, SiteMap.Affine map, Map<String, CompressedTensor> tensors) {
    final int n = map.scale().length;
    final float[] shift = new float[n];
    final float[] scale = new float[n];
    for (int j = 0; j < n; j++) {
      shift[j] = -map.shift()[j] / map.scale()[j];
      scale[j] = 1 / map.scale()[j];
    }
    final EquivalentTransform back = new EquivalentTransform(shift, scale);
    final float[] gain = values(tensors, site.producer() + ".weight");
    final float[] bias = values(tensors, site.producer() + ".bias");
    if (site.afterLayerNorm()) {
      back.intoLayerNorm(gain, bias);
    } else {
      back.intoProducer(gain, gain.length / bias.length, bias);
    }
    write(tensors, site.producer(), gain, bias);
    for (String consumer : site.consumers()) {
      final float[] weight = values(tensors, consumer + ".weight");
      final float[] added = values(tensors, consumer + ".bias");
      back.intoConsumer(weight, added);
      write(tensors, consumer, weight, added);
    }
  }

  private static float[] values(Map<String, CompressedTensor> tensors, String name) {
    final Floats dense = Floats.of(tensors.get(name).dense());
    final float[] values = Floats.toArray(dense.array());
    dense.close();
    return values;
  }

  private static void write(
      Map<String, CompressedTensor> tensors, String module, float[] weight, float[] bias) {
    final String name = module + ".weight";
    final long[] shape = tensors.get(name).shape();
    tensors.put(name, dense(weight, shape));
    tensors.put(module + ".bias", dense(bias, bias.length));
  }

  private static CompressedTensor dense(float[] values, long... shape) {
    final INDArray tensor = Floats.tensor(values, shape);
    try {
      return DenseTensor.float32(tensor);
    } finally {
      Floats.of(tensor).close();
    }
  }

  private static CompressedTensor dense(CompressedTensor tensor) {
    final INDArray values = tensor.dense();
    try {
      return DenseTensor.float32(values);
    } finally {
      Floats.of(values).close();
    }
  }
}
