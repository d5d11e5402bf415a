package dev.bantam.model;

import dev.bantam.tensor.Floats;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Evaluates the loss terms of a pass and hands their gradients to the sites' hooks. */
final class LossTerms {
  private LossTerms() {}

  /** Returns the weighted sum. Call it between forward and backward. */
  static double apply(List<LossTerm> terms, Pass pass, SpareMemory spare) {
    final Map<Site, float[]> total = new LinkedHashMap<>();
    double value = 0;
    for (LossTerm term : terms) {
      final List<float[]> values = new ArrayList<>();
      final List<float[]> gradients = new ArrayList<>();
      for (Site site : term.sites()) {
        values.add(hook(pass, site).value.toArray());
        gradients.add(new float[values.get(values.size() - 1).length]);
      }
      value += term.weight() * term.apply(pass.batch(), values, gradients);
      for (int i = 0; i < gradients.size(); i++) {
        final float[] gradient = gradients.get(i);
        final float[] sum =
            total.computeIfAbsent(term.sites().get(i), site -> new float[gradient.length]);
        for (int j = 0; j < sum.length; j++) {
          sum[j] += (float) (term.weight() * gradient[j]);
        }
      }
    }
    total.forEach(
        (site, gradient) -> {
          final Floats memory = spare.get(site + " loss gradient", gradient.length);
          memory.write(0, gradient, 0, gradient.length);
          hook(pass, site).addGradient(memory);
        });
    return value;
  }

  private static SiteHook hook(Pass pass, Site site) {
    return pass.hooks().at(site.layer(), site.kind());
  }
}
