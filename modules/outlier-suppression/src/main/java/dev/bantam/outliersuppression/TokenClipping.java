package dev.bantam.outliersuppression;

import dev.bantam.model.Site;
import dev.bantam.model.Site.Kind;
import dev.bantam.tensor.BantamException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The coarse stage of token-wise clipping (Wei et al. 2022): one share of tokens for all
 * activations of a model, chosen by the error of its outputs.
 */
final class TokenClipping {
  private final Network network;
  private final List<Site> sites;

  /** What is clipped. */
  interface Network {
    /** Runs all batches without rounding and passes the values of the sites, batch by batch. */
    void measure(SiteRanges.Sink sink);

    /** Outputs of each batch without rounding. */
    List<float[]> exact();

    /** Outputs of each batch with every site rounded in its range. */
    List<float[]> rounded(Map<Site, Range> ranges);
  }

  /**
   * Ranges of one share.
   *
   * @param share of the tokens whose extremes count, in [0, 1]
   * @param loss mean over batches of the mean squared error of the outputs
   * @param ranges of all sites
   */
  record Chosen(double share, double loss, Map<Site, Range> ranges) {}

  TokenClipping(Network network, List<Site> sites) {
    this.network = network;
    this.sites = sites;
  }

  /** Shares {@code 1, 1 - step, 1 - 2 step, ...}, so many of them. */
  static double[] shares(double step, int count) {
    final double[] shares = new double[count];
    for (int i = 0; i < count; i++) {
      shares[i] = 1 - step * i;
    }
    return shares;
  }

  /** The share of least loss, the first of equals. */
  Chosen choose(double[] shares) {
    final Map<Double, Map<Site, RangeOfBatches>> measured = measure(shares);
    final List<float[]> exact = network.exact();
    Chosen best = null;
    double least = Double.POSITIVE_INFINITY;
    for (double share : shares) {
      final Map<Site, Range> ranges = ranges(measured.get(share));
      final double loss = loss(exact, network.rounded(ranges));
      if (loss < least) {
        least = loss;
        best = new Chosen(share, loss, ranges);
      }
    }
    if (best == null) {
      throw BantamException.badInput(
          "The model's outputs on the calibration texts are not finite, so no share of tokens is the"
              + " best. Repair the model's weights, or leave the method 'token-clipping' out.");
    }
    return best;
  }

  private Map<Double, Map<Site, RangeOfBatches>> measure(double[] shares) {
    final Map<Double, Map<Site, RangeOfBatches>> measured = new LinkedHashMap<>();
    for (double share : shares) {
      final Map<Site, RangeOfBatches> ofShare = new LinkedHashMap<>();
      sites.forEach(site -> ofShare.put(site, RangeOfBatches.mean()));
      measured.put(share, ofShare);
    }
    network.measure(
        (site, x, rows, columns) ->
            measured.forEach(
                (share, ofShare) -> ofShare.get(site).add(rule(site, share).of(x, rows, columns))));
    return measured;
  }

  private static BatchRange rule(Site site, double share) {
    return site.kind() == Kind.ATTENTION_PROBABILITIES
        ? BatchRange::minMax
        : BatchRange.tokenQuantile(share);
  }

  private static Map<Site, Range> ranges(Map<Site, RangeOfBatches> measured) {
    final Map<Site, Range> ranges = new LinkedHashMap<>();
    measured.forEach((site, batches) -> ranges.put(site, batches.range()));
    return ranges;
  }

  /** Mean over batches of their mean squared differences, whatever the sizes of the batches. */
  static double loss(List<float[]> exact, List<float[]> rounded) {
    double loss = 0;
    for (int b = 0; b < exact.size(); b++) {
      final float[] x = exact.get(b);
      final float[] y = rounded.get(b);
      double sum = 0;
      for (int i = 0; i < x.length; i++) {
        final double d = (double) y[i] - x[i];
        sum += d * d;
      }
      loss += sum / x.length / exact.size();
    }
    return loss;
  }
}
