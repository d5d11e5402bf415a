package dev.bantam.export.onnx;

import dev.bantam.checkpoint.StoredOperation;
import dev.bantam.compression.Operation;
import dev.bantam.compression.OperationFormat;
import dev.bantam.compression.SiteMap;
import dev.bantam.model.ActivationTransform;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.Tile;
import dev.bantam.tensor.Floats;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/** An operation that does what its {@link SiteMap} says, written from that definition. */
record SiteOperation(SiteMap map) implements Operation, ActivationTransform {
  private static final String KIND = "site-map";

  static StoredOperation affine(float[] scale, float[] shift) {
    return new SiteOperation(new SiteMap.Affine(scale, shift)).stored();
  }

  /** Codes of so many bits that hold a range: unsigned with a zero point, or signed around 0. */
  static StoredOperation rounded(float min, float max, int bits, boolean signed) {
    final int levels = (1 << bits) - 1;
    final int top = levels / 2;
    final float peak = Math.max(-min, max);
    final float scale = signed ? peak / top : (Math.max(max, 0) - Math.min(min, 0)) / levels;
    final int zero = signed ? 0 : (int) Math.rint(-Math.min(min, 0) / scale);
    return new SiteOperation(
            new SiteMap.Rounded(scale, zero, signed ? -top : 0, signed ? top : levels))
        .stored();
  }

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Map<String, String> attributes() {
    return map instanceof SiteMap.Rounded r
        ? Map.of(
            "scale", Float.toString(r.scale()),
            "zero", Integer.toString(r.zeroPoint()),
            "low", Integer.toString(r.low()),
            "high", Integer.toString(r.high()))
        : Map.of();
  }

  @Override
  public Map<String, INDArray> tensors() {
    final Map<String, INDArray> tensors = new LinkedHashMap<>();
    if (map instanceof SiteMap.Affine a) {
      tensors.put("scale", Floats.tensor(a.scale(), a.scale().length));
      tensors.put("shift", Floats.tensor(a.shift(), a.shift().length));
    }
    return tensors;
  }

  @Override
  public Optional<SiteMap> siteMap() {
    return Optional.of(map);
  }

  @Override
  public void attach(EncoderModel model, String place) {
    model.attach(place, (ActivationTransform) this);
  }

  @Override
  public void forward(Tile tile) {
    final float[] x = tile.values();
    for (int i = 0; i < tile.length(); i++) {
      if (map instanceof SiteMap.Affine a) {
        x[i] = x[i] * a.scale()[i % tile.columns()] + a.shift()[i % tile.columns()];
      } else if (map instanceof SiteMap.Rounded r) {
        final double code = Math.rint(x[i] / r.scale()) + r.zeroPoint();
        final double kept = Math.min(Math.max(code, r.low()), r.high());
        x[i] = (float) (kept - r.zeroPoint()) * r.scale();
      }
    }
  }

  @Override
  public void backward(Tile input, float[] gradient, double[][] parameterGradients) {
    throw new UnsupportedOperationException();
  }

  /** Decodes what {@link #stored} gave. */
  public static final class Format implements OperationFormat {
    @Override
    public String kind() {
      return KIND;
    }

    @Override
    public Operation decode(StoredOperation stored) {
      final Map<String, String> a = stored.attributes();
      return new SiteOperation(
          a.isEmpty()
              ? new SiteMap.Affine(
                  Floats.toArray(stored.tensors().get("scale")),
                  Floats.toArray(stored.tensors().get("shift")))
              : new SiteMap.Rounded(
                  Float.parseFloat(a.get("scale")),
                  Integer.parseInt(a.get("zero")),
                  Integer.parseInt(a.get("low")),
                  Integer.parseInt(a.get("high"))));
    }
  }
}
