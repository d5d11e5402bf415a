package dev.bantam.export;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Encoding;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.Operations;
import dev.bantam.compression.SiteMap;
import dev.bantam.export.onnx.OnnxInterpreter;
import dev.bantam.export.onnx.PaddedBatch;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.Site;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Whether an ONNX file rounds activations where the model does, and as it does.
 *
 * <p>The outputs of rounded models tell little: sums that differ in their last bits round to
 * neighbouring codes, which moves what is rounded behind them, and after a few layers the two
 * differ by a good part of what rounding does at all. So each place is looked at alone: what comes
 * there with nothing rounded before it, and what becomes of any values there.
 */
public final class RoundingCheck {
  /** Texts that are run, each alone, so that nothing is padded. */
  private static final int TEXTS = 3;

  /** Largest relative difference of what comes to a place. Up to 1.2e-6 in six layers. */
  private static final double TOLERANCE = 1e-4;

  /** Values beside those of the texts, from beyond one end of a range to beyond the other. */
  private static final int PROBES = 1001;

  private RoundingCheck() {}

  /**
   * Compares all places.
   *
   * @param exact the model without the rounding of its activations
   * @param weights the model that the file was written from
   * @throws IllegalStateException naming the first place that is missing, is too many, gets other
   *     values, or makes others of them
   */
  public static void require(
      EncoderModel exact, Checkpoint like, CompressedModel weights, Path file) {
    final Map<String, SiteMap.Rounded> maps = maps(weights);
    final OnnxInterpreter interpreter = new OnnxInterpreter(file);
    for (Encoding text : ExportCheck.texts(like).subList(0, TEXTS)) {
      final PaddedBatch alone = new PaddedBatch(List.of(text), like.architecture().padTokenId());
      final Map<String, OnnxInterpreter.Rounding> found =
          interpreter.roundings(alone.inputs(like.signature()), 1);
      if (!found.keySet().equals(maps.keySet())) {
        throw new IllegalStateException(
            file + " rounds at " + found.keySet() + ", and the model at " + maps.keySet());
      }
      final List<Site> sites = maps.keySet().stream().map(exact::site).toList();
      final List<float[]> values = exact.siteValues(Batch.of(List.of(text)), sites);
      for (int i = 0; i < sites.size(); i++) {
        final String site = sites.get(i).toString();
        requireSame(site, values.get(i), found.get(site).values(), file);
        requireSame(site, maps.get(site), found.get(site), file);
      }
    }
  }

  private static Map<String, SiteMap.Rounded> maps(CompressedModel weights) {
    final Map<String, SiteMap.Rounded> maps = new TreeMap<>();
    weights
        .operations()
        .forEach(
            (place, operation) -> {
              if (Operations.decode(operation).siteMap().orElse(null)
                  instanceof SiteMap.Rounded rounded) {
                maps.put(place, rounded);
              }
            });
    return maps;
  }

  /** Heads and tokens are in another order in a graph, so both sides are sorted. */
  private static void requireSame(String site, float[] model, float[] graph, Path file) {
    if (model.length != graph.length) {
      throw new IllegalStateException(
          file + " rounds " + graph.length + " values at " + site + " instead of " + model.length);
    }
    final float[] a = model.clone();
    final float[] b = graph.clone();
    Arrays.sort(a);
    Arrays.sort(b);
    double squares = 0;
    double size = 0;
    for (int i = 0; i < a.length; i++) {
      squares += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
      size += (double) a[i] * a[i];
    }
    if (!(Math.sqrt(squares) <= TOLERANCE * Math.sqrt(size))) { // NaN does not pass
      throw new IllegalStateException(
          file
              + " rounds other values at "
              + site
              + " than the model: they differ by "
              + Math.sqrt(squares / size));
    }
  }

  private static void requireSame(
      String site, SiteMap.Rounded map, OnnxInterpreter.Rounding rounding, Path file) {
    final float[] own = rounding.values();
    final float[] x = Arrays.copyOf(own, own.length + PROBES);
    final double low = ((double) map.low() - map.zeroPoint()) * map.scale();
    final double high = ((double) map.high() - map.zeroPoint()) * map.scale();
    for (int i = 0; i < PROBES; i++) {
      x[own.length + i] = (float) (low + (high - low) * (1.5 * i / (PROBES - 1) - 0.25));
    }
    final float[] y = rounding.function().apply(x);
    for (int i = 0; i < x.length; i++) {
      final float expected = rounded(map, x[i]);
      if (y[i] != expected) {
        throw new IllegalStateException(
            file + " rounds " + x[i] + " at " + site + " to " + y[i] + " instead of " + expected);
      }
    }
  }

  private static float rounded(SiteMap.Rounded map, float x) {
    final double code = Math.rint(x / map.scale()) + map.zeroPoint();
    return (float) (Math.max(map.low(), Math.min(map.high(), code)) - map.zeroPoint())
        * map.scale();
  }
}
