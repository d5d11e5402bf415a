package dev.bantam.outliersuppression;

import dev.bantam.checkpoint.StoredOperation;
import dev.bantam.compression.Operation;
import dev.bantam.compression.OperationFormat;
import dev.bantam.compression.SiteMap;
import dev.bantam.model.ActivationTransform;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntPredicate;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Rounds the activation at a site to the values of integer codes.
 *
 * @param rounding how
 */
record FakeQuantize(Rounding rounding) implements Operation {
  static final String KIND = "fake-quantize";

  private static final String GRANULARITY = "granularity";
  private static final String BITS = "bits";
  private static final String CODES = "codes";
  private static final String SCALE = "scale";
  private static final String ZERO = "zero_point";
  private static final String GROUP = "group";

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Map<String, String> attributes() {
    final Map<String, String> attributes = new LinkedHashMap<>();
    attributes.put(BITS, Integer.toString(rounding.bits()));
    attributes.put(CODES, rounding.codes() == Codes.AFFINE ? "affine" : "symmetric");
    attributes.put(GRANULARITY, rounding.granularity());
    if (rounding instanceof Rounding.Fixed fixed) {
      attributes.put(SCALE, Float.toString(fixed.quantizer().scale()));
      attributes.put(ZERO, Integer.toString(fixed.quantizer().zero()));
    }
    return attributes;
  }

  @Override
  public Map<String, INDArray> tensors() {
    if (!(rounding instanceof Rounding.Groups groups)) {
      return Map.of();
    }
    final int k = groups.quantizers().length;
    final float[] scale = new float[k];
    final float[] zero = new float[k];
    for (int g = 0; g < k; g++) {
      scale[g] = groups.quantizers()[g].scale();
      zero[g] = groups.quantizers()[g].zero();
    }
    final int n = groups.group().length;
    final float[] group = new float[n];
    for (int j = 0; j < n; j++) {
      group[j] = groups.group()[j];
    }
    final Map<String, INDArray> tensors = new LinkedHashMap<>();
    tensors.put(GROUP, Floats.tensor(group, n));
    tensors.put(SCALE, Floats.tensor(scale, k));
    tensors.put(ZERO, Floats.tensor(zero, k));
    return tensors;
  }

  @Override
  public Optional<SiteMap> siteMap() {
    if (!(rounding instanceof Rounding.Fixed fixed)) {
      return Optional.empty();
    }
    final Quantizer q = fixed.quantizer();
    return Optional.of(new SiteMap.Rounded(q.scale(), q.zero(), q.low(), q.high()));
  }

  @Override
  public void attach(EncoderModel model, String place) {
    if (rounding instanceof Rounding.Groups groups) {
      final int width = EncoderPlaces.width(model.architecture(), model.site(place));
      if (width != groups.group().length) {
        throw new IllegalArgumentException(
            "it has " + width + " channels, and groups are given for " + groups.group().length);
      }
    }
    model.attach(place, (ActivationTransform) rounding);
  }

  /** Reads the operation from a file. */
  public static final class Format implements OperationFormat {
    @Override
    public String kind() {
      return KIND;
    }

    @Override
    public Operation decode(StoredOperation stored) {
      final StoredReader in = new StoredReader(stored);
      final int bits = in.integer(BITS, 2, 8);
      final Codes codes =
          in.word(CODES, "affine", "symmetric").equals("affine") ? Codes.AFFINE : Codes.SYMMETRIC;
      final Rounding rounding =
          switch (in.word(GRANULARITY, Rounding.TENSOR, Rounding.TOKEN, Rounding.GROUPS)) {
            case Rounding.TENSOR ->
                new Rounding.Fixed(
                    codes, bits, quantizer(in, codes, bits, in.number(SCALE), in.number(ZERO)));
            case Rounding.TOKEN -> new Rounding.PerToken(codes, bits);
            default -> groups(in, codes, bits);
          };
      in.finish();
      return new FakeQuantize(rounding);
    }

    private static Rounding groups(StoredReader in, Codes codes, int bits) {
      final float[] scale = in.vector(SCALE);
      final float[] zero = in.vector(ZERO);
      final float[] channels = in.vector(GROUP);
      if (zero.length != scale.length) {
        throw BantamException.badInput(
            "there are " + scale.length + " scales and " + zero.length + " zero points.");
      }
      final Quantizer[] quantizers = new Quantizer[scale.length];
      for (int g = 0; g < quantizers.length; g++) {
        quantizers[g] = quantizer(in, codes, bits, scale[g], zero[g]);
      }
      final IntPredicate known = g -> g >= 0 && g < quantizers.length;
      final int[] group = new int[channels.length];
      for (int j = 0; j < group.length; j++) {
        group[j] = (int) channels[j];
        if (group[j] != channels[j] || !known.test(group[j])) {
          throw BantamException.badInput("channel " + j + " is of group " + channels[j] + ".");
        }
      }
      return new Rounding.Groups(codes, bits, quantizers, group);
    }

    private static Quantizer quantizer(
        StoredReader in, Codes codes, int bits, float scale, float zero) {
      final Quantizer codesOf = codes.of(-1, 1, bits);
      if (!(scale > 0) || Float.isInfinite(scale)) {
        throw BantamException.badInput(in + " has the scale " + scale + ".");
      }
      if (zero != (int) zero || zero < codesOf.low() || zero > codesOf.high()) {
        throw BantamException.badInput(in + " has the zero point " + zero + ".");
      }
      return new Quantizer(scale, (int) zero, codesOf.low(), codesOf.high());
    }
  }
}
