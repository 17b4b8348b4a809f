//! The drawing beside the first words: parts of a flow, an agent, and an answer on someone's page.
//!
//! It is inline, so that its surfaces follow the theme.

use leptos::prelude::*;

#[component]
pub(super) fn Picture() -> impl IntoView {
    view! {
        <svg viewBox="0 0 560 440" aria-hidden="true" focusable="false" class="picture">
            <g fill="none" stroke="var(--line-control)" stroke-width="2" stroke-dasharray="3 6" stroke-linecap="round">
                <path d="M150 96C210 96 196 176 246 176"></path>
                <path d="M150 206H246"></path>
                <path d="M150 316C210 316 196 236 246 236"></path>
                <path d="M330 206H378"></path>
            </g>
            <g fill="var(--surface)" stroke="var(--line-strong)">
                <rect x="22" y="66" width="128" height="60" rx="14"></rect>
                <rect x="22" y="176" width="128" height="60" rx="14"></rect>
                <rect x="22" y="286" width="128" height="60" rx="14"></rect>
            </g>
            <g>
                <rect x="36" y="82" width="28" height="28" rx="8" fill="var(--agents)"></rect>
                <rect x="36" y="192" width="28" height="28" rx="8" fill="var(--apps)"></rect>
                <rect x="36" y="302" width="28" height="28" rx="8" fill="var(--automations)"></rect>
                <g fill="var(--line-strong)">
                    <rect x="76" y="86" width="56" height="7" rx="3.5"></rect><rect x="76" y="101" width="36" height="7" rx="3.5"></rect>
                    <rect x="76" y="196" width="44" height="7" rx="3.5"></rect><rect x="76" y="211" width="58" height="7" rx="3.5"></rect>
                    <rect x="76" y="306" width="58" height="7" rx="3.5"></rect><rect x="76" y="321" width="30" height="7" rx="3.5"></rect>
                </g>
            </g>
            <circle cx="288" cy="206" r="62" fill="var(--accent)" opacity="0.12"></circle>
            <rect x="246" y="164" width="84" height="84" rx="24" fill="var(--accent)"></rect>
            <path d="M288 180c3.4 16 9.2 22.4 26 26-16.8 3.6-22.6 10-26 26-3.4-16-9.2-22.4-26-26 16.8-3.6 22.6-10 26-26z" fill="var(--on-accent)"></path>
            <g>
                <rect x="378" y="56" width="170" height="312" rx="20" fill="var(--surface-raised)" stroke="var(--line-strong)"></rect>
                <path d="M378 76a20 20 0 0 1 20-20h130a20 20 0 0 1 20 20v30H378z" fill="var(--surface-sunken)"></path>
                <path d="M378 106h170" stroke="var(--line)"></path>
                <circle cx="402" cy="82" r="11" fill="var(--assistants)"></circle>
                <rect x="422" y="74" width="64" height="7" rx="3.5" fill="var(--ink-faint)"></rect>
                <rect x="422" y="87" width="40" height="6" rx="3" fill="var(--line-strong)"></rect>
                <rect x="392" y="122" width="112" height="44" rx="12" fill="var(--surface-sunken)" stroke="var(--line)"></rect>
                <rect x="404" y="135" width="84" height="6" rx="3" fill="var(--line-control)"></rect>
                <rect x="404" y="148" width="58" height="6" rx="3" fill="var(--line-control)"></rect>
                <rect x="438" y="180" width="96" height="32" rx="12" fill="var(--accent)"></rect>
                <rect x="450" y="193" width="70" height="6" rx="3" fill="var(--on-accent)" opacity="0.85"></rect>
                <rect x="392" y="226" width="128" height="66" rx="12" fill="var(--surface-sunken)" stroke="var(--line)"></rect>
                <rect x="404" y="240" width="100" height="6" rx="3" fill="var(--line-control)"></rect>
                <rect x="404" y="254" width="86" height="6" rx="3" fill="var(--line-control)"></rect>
                <rect x="404" y="268" width="44" height="6" rx="3" fill="var(--line-control)"></rect>
                <rect x="392" y="324" width="142" height="30" rx="15" fill="none" stroke="var(--line-control)"></rect>
                <rect x="406" y="336" width="62" height="6" rx="3" fill="var(--line-strong)"></rect>
                <circle cx="519" cy="339" r="9" fill="var(--primary)"></circle>
            </g>
            <g>
                <rect x="196" y="322" width="150" height="60" rx="14" fill="var(--surface-raised)" stroke="var(--line-strong)"></rect>
                <circle cx="222" cy="352" r="13" fill="var(--good-soft)"></circle>
                <path d="m216 352.5 4.5 4.5 7.5-9" fill="none" stroke="var(--good)" stroke-width="2.5" stroke-linecap="round" stroke-linejoin="round"></path>
                <rect x="244" y="341" width="82" height="7" rx="3.5" fill="var(--line-control)"></rect>
                <rect x="244" y="356" width="54" height="7" rx="3.5" fill="var(--line-strong)"></rect>
            </g>
        </svg>
    }
}
