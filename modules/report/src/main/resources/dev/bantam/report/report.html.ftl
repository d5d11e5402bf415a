<#macro plainTable columns rows label>
<div class="scroll" tabindex="0" role="region" aria-label="${label}">
<table>
<thead><tr><#list columns as column><th scope="col">${column}</th></#list></tr></thead>
<tbody>
<#list rows as row>
<tr><#list row as cell><#if cell?is_first><th scope="row">${cell}</th><#else><td>${cell}</td></#if></#list></tr>
</#list>
</tbody>
</table>
</div>
</#macro>
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${scriptHash}'">
<meta name="generator" content="Bantam ${version}">
<title>${title} - Bantam report</title>
<style>
${style}</style>
</head>
<body>
<header>
<h1>${title}</h1>
<p class="soft">Report by Bantam ${version}<#if experiments?size gt 1> on the experiments ${experiments?join(", ")}<#else> on the experiment ${experiments?first}</#if><#if commit?has_content>, commit <code>${commit}</code></#if></p>
<#list warnings as warning>
<p class="warning" role="note">${warning}</p>
</#list>
</header>
<main>
<#list sections as section>
<section aria-labelledby="${section.id}">
<h2 id="${section.id}">${section.title}</h2>
<p class="lead">${section.sentences?join(" ")}</p>
<#if section.findings?has_content>
<ul>
<#list section.findings as finding>
<li>${finding}</li>
</#list>
</ul>
</#if>
<div class="scroll wide" tabindex="0" role="region" aria-label="Summary of ${section.title}">
<table>
<thead><tr>
<#list section.columns as column>
<th scope="col"<#if !column?is_first> class="num"</#if>><button type="button" title="${column.meaning}; sort by it">${column.name}</button></th>
</#list>
</tr></thead>
<tbody>
<#list section.rows as row>
<tr><#list row as cell><#if cell?is_first><th scope="row">${cell.text}</th><#elseif cell.key?has_content><td class="num" data-key="${cell.key}">${cell.text}</td><#else><td class="num empty">${cell.text}</td></#if></#list></tr>
</#list>
</tbody>
</table>
</div>
<details>
<summary>What the columns mean</summary>
<dl>
<#list section.columns as column>
<dt>${column.name}</dt><dd>${column.meaning}</dd>
</#list>
</dl>
</details>
<#list section.charts as chart>
<h3>${chart.title}</h3>
<figure>
<div class="scroll" tabindex="0" role="region" aria-label="Chart: ${chart.title}">
${chart.svg}
</div>
<figcaption class="soft">${chart.alternative}</figcaption>
</figure>
<details>
<summary>Numbers of this chart</summary>
<@plainTable columns=chart.columns rows=chart.rows label="Numbers of the chart " + chart.title/>
</details>
</#list>
<#if section.treatments?has_content>
<h3>What was done to each tensor</h3>
<#list section.treatments as treatment>
<details>
<summary>${treatment.name}</summary>
<p class="soft">As in seed ${treatment.seed}, draw ${treatment.draw}. The error is the squared distance to the weights before the step over their squared norm.</p>
<#list treatment.steps as step>
<p><strong>${step.step}</strong> by ${step.method}, settings <code>${step.settings}</code></p>
<@plainTable columns=["tensor", "treatment", "bits", "sparsity", "bytes", "error"] rows=step.rows label="Tensors of " + treatment.name + ", " + step.step/>
<#if step.events?has_content>
<p class="soft">Increase of the task loss in each event, as predicted by the method and as measured on the batches that it worked with.</p>
<@plainTable columns=["event", "sparsity", "predicted", "measured", "loss before", "loss after"] rows=step.events label="Events of " + treatment.name + ", " + step.step/>
</#if>
</#list>
</details>
</#list>
</#if>
<#if section.fits?has_content>
<h3>How well the increases of the loss were predicted</h3>
<p>Over all events of a method: the rank correlation (Spearman) of predicted and measured increase, 1 where their order is the same, and the mean of measured / predicted.</p>
<@plainTable columns=["method", "replicates", "events", "rank correlation", "measured / predicted"] rows=section.fits label="Predicted and measured increases of the loss"/>
</#if>
<h3>Where each row comes from</h3>
<p>Every number is that of a cell, or a mean over cells. To check one, delete its folder under <code>cells</code> of the run folder and type the command again: only what is missing is run.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Cells and command of each row">
<table>
<thead><tr><th scope="col">variant</th><th scope="col">cells</th><th scope="col">command</th></tr></thead>
<tbody>
<#list section.sources as source>
<tr><th scope="row">${source.name}</th><td><#list source.cells as cell><code title="seed ${cell.seed}, draw ${cell.draw}, key ${cell.key}...">${cell.folder}</code><#sep>, </#sep></#list></td><td><code>${command}</code></td></tr>
</#list>
</tbody>
</table>
</div>
</section>
</#list>
<#if failures?has_content>
<section aria-labelledby="failures">
<h2 id="failures">Failed cells</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Failed cells">
<table>
<thead><tr><th scope="col">variant</th><th scope="col">model</th><th scope="col">task</th><th scope="col">seed</th><th scope="col">draw</th><th scope="col">error</th></tr></thead>
<tbody>
<#list failures as failure>
<tr><th scope="row">${failure.variant}</th><td>${failure.model}</td><td>${failure.task}</td><td>${failure.seed}</td><td>${failure.draw}</td><td class="error">${failure.error}</td></tr>
</#list>
</tbody>
</table>
</div>
</section>
</#if>
<#if notes?has_content>
<section aria-labelledby="notes">
<h2 id="notes">Notes</h2>
<ul>
<#list notes as note>
<li>${note}</li>
</#list>
</ul>
</section>
</#if>
<section aria-labelledby="made">
<h2 id="made">How this was made</h2>
<#list runs as run>
<#if runs?size gt 1>
<h3>${run.name}</h3>
</#if>
<p>SHA-256 of the resolved experiment: <code>${run.sha256}</code></p>
<@plainTable columns=["what", "value"] rows=run.facts label="Manifest of " + run.name/>
<details>
<summary>The whole manifest</summary>
<pre tabindex="0">${run.manifest}</pre>
</details>
</#list>
<p>To run it again:</p>
<pre tabindex="0">${command}</pre>
</section>
</main>
<script>${script}</script>
</body>
</html>
